from pathlib import Path

from hami_dra.gpu.pci import kernel_address, pcie_root


def test_nvmls_bus_id_becomes_the_kernels() -> None:
    assert kernel_address("00000000:3B:00.0") == "0000:3b:00.0"
    assert kernel_address("00010000:01:00.0") == "10000:01:00.0"


def test_root_is_the_first_bridge_above_the_device(tmp_path: Path) -> None:
    device = tmp_path / "devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0"
    device.mkdir(parents=True)
    links = tmp_path / "bus/pci/devices"
    links.mkdir(parents=True)
    (links / "0000:3b:00.0").symlink_to(device)
    assert pcie_root("0000:3b:00.0", tmp_path) == "pci0000:3a"


def test_unknown_device_has_no_root(tmp_path: Path) -> None:
    assert pcie_root("0000:3b:00.0", tmp_path) is None
