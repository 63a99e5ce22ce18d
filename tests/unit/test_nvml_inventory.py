"""Each inventory is read in a process of its own, for a process never lets go of the first NVML that it loads."""

import subprocess
import sys

import msgspec
import pytest

from hami_dra.gpu import Gpu
from hami_dra.sim import MODELS, Machine, create_machine, simulated_gpus

# Prints the inventory of a driver root, read while some of NVML's functions fail as they do on GPUs that lack them.
READ = """
import sys
from pathlib import Path
import msgspec, pynvml
from hami_dra.nvml.inventory import read_inventory

def refuse(*_):
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

root, *failing = sys.argv[1:]
for function in failing:
    setattr(pynvml, function, refuse)
sys.stdout.buffer.write(msgspec.json.encode(read_inventory(Path(root))))
"""

OLD_DRIVER = "this driver knows no memory limits: they came with R615, so update NVIDIA's driver"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    gpus = simulated_gpus(2, model=MODELS["NVIDIA L4"], memory_bytes=16 * 2**30)
    return create_machine(tmp_path_factory.mktemp("machine"), gpus)


def inventory(machine: Machine, *failing: str) -> tuple[list[Gpu], str]:
    """The GPUs, and what was logged."""
    command = [sys.executable, "-c", READ, str(machine.root), *failing]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=list[Gpu]), done.stderr


def test_gpus_are_what_nvml_says(machine: Machine) -> None:
    gpus, _ = inventory(machine)
    assert [gpu.uuid for gpu in gpus] == [gpu.uuid for gpu in machine.gpus]
    assert [gpu.minor for gpu in gpus] == [0, 1]
    assert gpus[1] == Gpu(
        uuid=machine.gpus[1].uuid,
        minor=1,
        memory_bytes=16 * 2**30,
        name="NVIDIA L4",
        brand="Nvidia",
        architecture="Ada Lovelace",
        compute_capability="8.9",
        driver_version="580.65.06",
        cuda_driver_version="13.0",
        pci_address="0000:02:00.0",
        pcie_root=gpus[1].pcie_root,  # whether this machine has a device of that address is its own affair
        numa_node=gpus[1].numa_node,
        limit_obstacle=OLD_DRIVER,
    )


def test_gpu_without_the_optional_is_listed_without_it(machine: Machine) -> None:
    gpus, log = inventory(
        machine,
        "nvmlDeviceGetName",
        "nvmlDeviceGetBrand",
        "nvmlDeviceGetArchitecture",
        "nvmlDeviceGetCudaComputeCapability",
        "nvmlDeviceGetPciInfo",
        "nvmlDeviceGetMigMode",
        "nvmlSystemGetDriverVersion",
        "nvmlSystemGetCudaDriverVersion",
    )
    assert gpus[0] == Gpu(uuid=machine.gpus[0].uuid, minor=0, memory_bytes=16 * 2**30, limit_obstacle=OLD_DRIVER)
    assert log == ""


def test_gpu_without_identity_is_left_out_with_a_word(machine: Machine) -> None:
    gpus, log = inventory(machine, "nvmlDeviceGetMinorNumber")
    assert gpus == []
    assert "GPU 0 of NVML is left out" in log
