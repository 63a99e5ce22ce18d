"""Prints which GPUs the driver root that is given has and what they are, as JSON."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pynvml

from .driver import NvmlUnavailableError
from .gpu import Gpu
from .library import nvml
from .memory_limits import limit_obstacle
from .pci import kernel_address, numa_node, pcie_root

_T = TypeVar("_T")

_EXIT_UNAVAILABLE = 1

_BRANDS = {
    pynvml.NVML_BRAND_QUADRO: "Quadro",
    pynvml.NVML_BRAND_TESLA: "Tesla",
    pynvml.NVML_BRAND_NVS: "NVS",
    pynvml.NVML_BRAND_GRID: "Grid",
    pynvml.NVML_BRAND_GEFORCE: "GeForce",
    pynvml.NVML_BRAND_TITAN: "Titan",
    pynvml.NVML_BRAND_QUADRO_RTX: "QuadroRTX",
    pynvml.NVML_BRAND_NVIDIA_RTX: "NvidiaRTX",
    pynvml.NVML_BRAND_NVIDIA: "Nvidia",
    pynvml.NVML_BRAND_GEFORCE_RTX: "GeForceRTX",
    pynvml.NVML_BRAND_TITAN_RTX: "TitanRTX",
}
_ARCHITECTURES = {
    pynvml.NVML_DEVICE_ARCH_KEPLER: "Kepler",
    pynvml.NVML_DEVICE_ARCH_MAXWELL: "Maxwell",
    pynvml.NVML_DEVICE_ARCH_PASCAL: "Pascal",
    pynvml.NVML_DEVICE_ARCH_VOLTA: "Volta",
    pynvml.NVML_DEVICE_ARCH_TURING: "Turing",
    pynvml.NVML_DEVICE_ARCH_AMPERE: "Ampere",
    pynvml.NVML_DEVICE_ARCH_ADA: "Ada Lovelace",
    pynvml.NVML_DEVICE_ARCH_HOPPER: "Hopper",
    pynvml.NVML_DEVICE_ARCH_BLACKWELL: "Blackwell",
}


def read_inventory(driver_root: Path) -> tuple[Gpu, ...]:
    """The GPUs that the driver below `driver_root` manages, by minor number. Raises NvmlUnavailableError.

    One whose identity or memory cannot be read is left out, with a line on standard error.
    """
    with nvml(driver_root):
        gpus = [_read_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
    return tuple(sorted((gpu for gpu in gpus if gpu), key=lambda gpu: gpu.minor))


def _read_gpu(index: int) -> Gpu | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        return Gpu(
            uuid=pynvml.nvmlDeviceGetUUID(handle),
            minor=pynvml.nvmlDeviceGetMinorNumber(handle),
            memory_bytes=pynvml.nvmlDeviceGetMemoryInfo(handle).total,
            **_description(handle),
        )
    except pynvml.NVMLError as error:
        print(f"GPU {index} of NVML is left out, its identity or memory cannot be read: {error}", file=sys.stderr)
        return None


def _description(handle: object) -> dict[str, Any]:
    """What is good to know about a GPU; none of it is needed to share it."""
    pci_info = _optional(pynvml.nvmlDeviceGetPciInfo, handle)
    address = kernel_address(pci_info.busId) if pci_info else None
    capability = _optional(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    cuda_version = _optional(pynvml.nvmlSystemGetCudaDriverVersion)
    mig_mode, _ = _optional(pynvml.nvmlDeviceGetMigMode, handle) or (None, None)
    return {
        "mig_enabled": mig_mode == pynvml.NVML_DEVICE_MIG_ENABLE,
        "limit_obstacle": limit_obstacle(handle),
        "name": _optional(pynvml.nvmlDeviceGetName, handle),
        "brand": _BRANDS.get(_optional(pynvml.nvmlDeviceGetBrand, handle)),
        "architecture": _ARCHITECTURES.get(_optional(pynvml.nvmlDeviceGetArchitecture, handle)),
        "compute_capability": "{}.{}".format(*capability) if capability else None,
        "driver_version": _optional(pynvml.nvmlSystemGetDriverVersion),
        "cuda_driver_version": f"{cuda_version // 1000}.{cuda_version % 1000 // 10}" if cuda_version else None,
        "pci_address": address,
        "pcie_root": pcie_root(address) if address else None,
        "numa_node": numa_node(address) if address else None,
    }


def _optional(query: Callable[..., _T], *arguments: object) -> _T | None:
    try:
        return query(*arguments)
    except pynvml.NVMLError:
        return None


def main() -> int:
    """Read the inventory once; what keeps NVML from working goes to standard error."""
    try:
        gpus = read_inventory(Path(sys.argv[1]))
    except NvmlUnavailableError as error:
        print(error, file=sys.stderr)
        return _EXIT_UNAVAILABLE
    print(json.dumps([asdict(gpu) for gpu in gpus]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
