"""Each inventory is read in a process of its own, for a process never lets go of the first NVML that it loads."""

import subprocess
import sys

import msgspec
import pytest

from hami_dra.gpu import Gpu
from hami_dra.nvml.gpu import MigPart
from hami_dra.sim import MODELS, Machine, create_machine, simulated_gpus

# What a program that has no cgroup v2 tree finds.
NO_TREE = """
import hami_dra.nvml.memory_limits
hami_dra.nvml.memory_limits.unified_mount = lambda: None
"""

# Prints the inventory of a driver root, read while some of NVML's functions fail as they do on GPUs that lack them.
READ = """
import os, runpy, sys
import pynvml

def refuse(*_):
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

root, *failing = sys.argv[1:]
for function in failing:
    setattr(pynvml, function, refuse)
sys.argv[1:] = [root, str(os.getppid())]
runpy.run_module("hami_dra.nvml.inventory", run_name="__main__")
"""

OLD_DRIVER = "this driver knows no memory limits: they came with R615, so update NVIDIA's driver"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    gpus = simulated_gpus(2, model=MODELS["NVIDIA L4"], memory_bytes=16 * 2**30)
    return create_machine(tmp_path_factory.mktemp("machine"), gpus)


def inventory(machine: Machine, *failing: str) -> tuple[list[Gpu], str]:
    """The GPUs, and what was logged."""
    done = read(machine, *failing)
    assert done.returncode == 0
    return msgspec.json.decode(done.stdout, type=list[Gpu]), done.stderr


def read(machine: Machine, *failing: str, without: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", without + READ, str(machine.root), *failing]
    return subprocess.run(command, capture_output=True, text=True)


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


def test_that_the_driver_is_too_old_is_what_is_said_wherever_cgroups_are(machine: Machine) -> None:
    done = read(machine, without=NO_TREE)
    assert [gpu.limit_obstacle for gpu in msgspec.json.decode(done.stdout, type=list[Gpu])] == [OLD_DRIVER] * 2


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


def test_what_keeps_nvml_from_working_is_said_in_a_line(machine: Machine) -> None:
    done = read(machine, "nvmlDeviceGetCount")
    problem = f"NVML of {machine.root} does not work: Not Supported; `nvidia-smi` on the node should work first\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", problem)


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A GPU with two MIG devices, and one in MIG mode without any."""
    gpus = simulated_gpus(1, mig=["1g.5gb", "3g.20gb"]) + simulated_gpus(1, seed="empty", mig=[])
    return create_machine(tmp_path_factory.mktemp("divided"), gpus)


def test_a_gpu_in_mig_mode_is_its_mig_devices(divided: Machine) -> None:
    gpus, log = inventory(divided)
    parent, empty = (gpu.uuid for gpu in divided.gpus)
    assert [(gpu.minor, gpu.memory_bytes, gpu.mig) for gpu in gpus] == [
        (0, 20 * 2**30, MigPart(parent, 1, 0, "3g.20gb")),
        (0, 5 * 2**30, MigPart(parent, 7, 0, "1g.5gb")),
    ]
    assert [gpu.uuid for gpu in gpus] == [device.uuid for device in divided.usage()[0].mig or ()]
    assert {gpu.limit_obstacle for gpu in gpus} == {"the driver has memory limits for GPUs only, not for MIG devices"}
    assert {(gpu.name, gpu.architecture, gpu.pci_address) for gpu in gpus} == {
        ("NVIDIA A100-SXM4-40GB", "Ampere", "0000:01:00.0")
    }
    assert f"GPU {empty} is in MIG mode and has no MIG devices" in log


def test_mig_device_without_the_optional_is_listed_without_it(divided: Machine) -> None:
    gpus, _ = inventory(divided, "nvmlDeviceGetName")
    assert [gpu.mig and gpu.mig.profile for gpu in gpus] == [None, None]


def test_mig_device_that_cannot_be_read_is_left_out_with_a_word(divided: Machine) -> None:
    gpus, log = inventory(divided, "nvmlDeviceGetGpuInstanceId")
    assert gpus == []
    assert log.count("a MIG device of GPU") == 2
