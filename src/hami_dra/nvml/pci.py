"""Where a GPU sits on the PCI bus, as the kernel tells it."""

import re
from pathlib import Path

_ROOT_BUS = re.compile(r"pci[0-9a-f]{4}:[0-9a-f]{2}")


def kernel_address(nvml_bus_id: str) -> str:
    """The kernel's form of an NVML bus id: `00000000:3B:00.0` becomes `0000:3b:00.0`."""
    domain, _, rest = nvml_bus_id.lower().partition(":")
    return f"{int(domain, 16):04x}:{rest}"


def pcie_root(address: str, sysfs: Path = Path("/sys")) -> str | None:
    """The root complex above a device (`pci0000:3a`), None where sysfs does not tell."""
    device = (sysfs / "bus/pci/devices" / address).resolve()
    return next((part for part in device.parts if _ROOT_BUS.fullmatch(part)), None)


def numa_node(address: str, sysfs: Path = Path("/sys")) -> int | None:
    """The NUMA node that a device is attached to, None where there is none or sysfs does not tell."""
    try:
        node = int((sysfs / "bus/pci/devices" / address / "numa_node").read_text())
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None  # the kernel says -1 for none
