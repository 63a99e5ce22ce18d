from pathlib import Path

import pytest

from hami_dra.nvml.pci import kernel_address, numa_node, pcie_root


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


@pytest.mark.parametrize(("said", "node"), [("1\n", 1), ("-1\n", None), ("", None), (None, None)])
def test_numa_node_is_told_where_there_is_one(tmp_path: Path, said: str | None, node: int | None) -> None:
    device = tmp_path / "bus/pci/devices/0000:3b:00.0"
    device.mkdir(parents=True)
    if said is not None:
        (device / "numa_node").write_text(said)
    assert numa_node("0000:3b:00.0", tmp_path) == node
