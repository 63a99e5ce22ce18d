"""The simulated libnvidia-ml.so.1, used by nvidia-ml-py."""

import os
import platform
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import environment, run_nvml, running
from tests.unit.vgpu.programs import compile_programs

GIB = 2**30
MIB = 2**20


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB))


def test_inventory(machine: Machine) -> None:
    seen = run_nvml(
        machine,
        """
nvmlInit()
device = nvmlDeviceGetHandleByIndex(1)
pci = nvmlDeviceGetPciInfo(device)
uuid = nvmlDeviceGetUUID(device)
show([
    nvmlSystemGetDriverVersion(), nvmlSystemGetNVMLVersion(), nvmlSystemGetCudaDriverVersion_v2(),
    nvmlDeviceGetCount(), uuid, nvmlDeviceGetName(device), nvmlDeviceGetMinorNumber(device),
    [pci.busId, pci.busIdLegacy, pci.domain, pci.bus, pci.device, pci.pciDeviceId],
    [nvmlDeviceGetBrand(device) == NVML_BRAND_NVIDIA,
     nvmlDeviceGetArchitecture(device) == NVML_DEVICE_ARCH_AMPERE],
    nvmlDeviceGetCudaComputeCapability(device),
    [nvmlDeviceGetIndex(nvmlDeviceGetHandleByUUID(uuid)),
     nvmlDeviceGetIndex(nvmlDeviceGetHandleByPciBusId(pci.busId))],
])
""",
    )
    assert seen == [
        *("580.65.06", "13.580.65.06", 13000),
        *(2, machine.gpus[1].uuid, "NVIDIA A100-SXM4-40GB", 1),
        ["00000000:02:00.0", "0000:02:00.0", 0, 2, 0, 0x20B010DE],
        [True, True],
        [8, 0],
        [1, 1],
    ]


def test_memory_is_what_all_processes_use(machine: Machine) -> None:
    with running(machine, "start()\ncall('cuMemAlloc', 5 * GIB)"), running(machine, "start()\ncall('cuMemAlloc', GIB)"):
        seen = run_nvml(
            machine,
            """
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
old, new = nvmlDeviceGetMemoryInfo(device), nvmlDeviceGetMemoryInfo(device, version=nvmlMemory_v2)
show([old.total, old.used, old.free, new.total, new.used, new.free, new.reserved,
      nvmlDeviceGetMemoryInfo(nvmlDeviceGetHandleByIndex(1)).used])
""",
        )
    assert seen == [16 * GIB, 6 * GIB, 10 * GIB, 16 * GIB, 6 * GIB, 10 * GIB, 0, 0]


LIST = """
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
show([[process.pid, process.usedGpuMemory] for process in nvmlDeviceGetComputeRunningProcesses(device)])
"""


def test_processes_are_who_the_kernel_says(machine: Machine) -> None:
    with running(machine, "start()\ncall('cuMemAlloc', 5 * GIB)") as first, running(machine, "start()") as second:
        assert sorted(run_nvml(machine, LIST)) == sorted([[first.pid, 5 * GIB], [second.pid, 0]])
        first.kill()
        first.wait()
        assert run_nvml(machine, LIST) == [[second.pid, 0]]
    assert run_nvml(machine, LIST) == []


LIST_ONCE = """
from pynvml import *
nvmlInit()
nvmlDeviceGetComputeRunningProcesses(nvmlDeviceGetHandleByIndex(0))
"""
FCNTL = {"x86_64": 72, "aarch64": 25}


def _fcntl_calls(machine: Machine, program: str) -> int:
    tracer = compile_programs() / "syscalls"
    done = subprocess.run(
        [tracer, "", sys.executable, "-c", program], env=environment(machine), capture_output=True, text=True
    )
    if done.returncode == 126:
        pytest.skip("a process may not trace its child here")
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines().count(f"call {FCNTL[platform.machine()]}")


@pytest.mark.not_sanitized(reason="the sanitizer makes system calls of its own")
def test_the_kernel_is_asked_about_none_that_ended_by_themselves(machine: Machine) -> None:
    """A driver in the kernel has them no longer; with many such slots each question would take ever longer."""
    before = _fcntl_calls(machine, LIST_ONCE)
    with ExitStack() as stack:
        processes = [stack.enter_context(running(machine, "start()\ncall('cuMemAlloc', GIB)")) for _ in range(3)]
        assert _fcntl_calls(machine, LIST_ONCE) > before
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait() == 0
    assert _fcntl_calls(machine, LIST_ONCE) == before
    assert run_nvml(machine, LIST) == []


def test_a_process_sees_itself(machine: Machine) -> None:
    """Both libraries in one process, each with its own descriptor of the state."""
    with running(
        machine,
        """
from pynvml import *
start()
nvmlInit()
call("cuMemAlloc", GIB)
processes = nvmlDeviceGetComputeRunningProcesses(nvmlDeviceGetHandleByIndex(0))
assert [(process.pid, process.usedGpuMemory) for process in processes] == [(os.getpid(), GIB)]
assert nvmlSystemGetProcessName(os.getpid()) == sys.executable
nvmlShutdown()
""",
    ) as process:
        assert run_nvml(machine, LIST) == [[process.pid, GIB]]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="making a PID namespace needs root")
def test_a_process_in_a_container_has_another_pid_outside_and_none_beside(machine: Machine) -> None:
    unshare = ("unshare", "--pid", "--mount-proc", "--fork", "--kill-child")
    with running(machine, "start()\ncall('cuMemAlloc', GIB)\nassert os.getpid() == 1", *unshare) as wrapper:
        children = Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children").read_text()
        assert run_nvml(machine, LIST) == [[int(children), GIB]]
        with running(machine, "start()", *unshare):
            inside = subprocess.run(
                [*unshare, machine.smi], env=environment(machine), capture_output=True, text=True, check=True
            )
    assert "No running processes found" in inside.stdout
    assert "1024MiB / 16384MiB" in inside.stdout


def test_process_lists_of_the_older_versions(machine: Machine) -> None:
    with running(machine, "start()\ncall('cuMemAlloc', GIB)") as process:
        seen = run_nvml(
            machine,
            """
from ctypes import *
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
library = CDLL("libnvidia-ml.so.1")
class V1(Structure):
    _fields_ = [("pid", c_uint), ("used", c_ulonglong)]
class V2(Structure):
    _fields_ = [*V1._fields_, ("gpu_instance", c_uint), ("compute_instance", c_uint)]
def ask(function, structure):
    count, rows = c_uint(0), (structure * 2)()
    small = getattr(library, function)(device, byref(count), None)
    needed, count.value = count.value, 2
    result = getattr(library, function)(device, byref(count), rows)
    return [small, needed, result, count.value, rows[0].pid, rows[0].used, rows[1].pid]
name = "nvmlDeviceGetComputeRunningProcesses"
show([ask(name, V1), ask(name + "_v2", V2), ask(name + "_v3", V2)])
""",
        )
    insufficient = 7
    assert seen == [[insufficient, 1, 0, 1, process.pid, GIB, 0]] * 3


def test_what_a_simulated_gpu_cannot_do(machine: Machine) -> None:
    seen = run_nvml(
        machine,
        """
def error_of(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except NVMLError as error:
        return type(error).__name__
errors = [error_of(nvmlDeviceGetCount)]
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
rates = nvmlDeviceGetUtilizationRates(device)
show([
    *errors,
    nvmlDeviceGetMigMode(device),
    nvmlDeviceGetMaxMigDeviceCount(device),
    error_of(nvmlDeviceGetTemperature, device, 0),
    error_of(nvmlDeviceGetHandleByIndex, 2),
    error_of(nvmlDeviceGetHandleByUUID, "GPU-nope"),
    error_of(nvmlDeviceGetMemoryInfo, device, version=nvmlMemory_v2 + 1),
    [rates.gpu, rates.memory],
    nvmlDeviceGetGraphicsRunningProcesses(device),
    nvmlDeviceGetBAR1MemoryInfo(device).bar1Total,
])
""",
    )
    assert seen == [
        "NVMLError_Uninitialized",
        [0, 0],
        0,
        "NVMLError_FunctionNotFound",
        "NVMLError_InvalidArgument",
        "NVMLError_NotFound",
        "NVMLError_ArgumentVersionMismatch",
        [0, 0],
        [],
        16 * GIB,
    ]


def test_only_gpus_with_a_device_node_are_there(machine: Machine) -> None:
    (machine.root / "dev/nvidia0").unlink()
    seen = run_nvml(
        machine, "nvmlInit()\nshow([nvmlDeviceGetCount(), nvmlDeviceGetUUID(nvmlDeviceGetHandleByIndex(0))])"
    )
    assert seen == [1, machine.gpus[1].uuid]


TRY_TO_INIT = """
try:
    nvmlInit()
except NVMLError as error:
    show(type(error).__name__)
"""


def test_without_a_state_there_is_no_driver(machine: Machine) -> None:
    machine.state.unlink()
    assert run_nvml(machine, TRY_TO_INIT) == "NVMLError_DriverNotLoaded"


def test_a_state_of_another_layout_is_refused(machine: Machine) -> None:
    machine.state.write_bytes(b"something else")
    assert run_nvml(machine, TRY_TO_INIT) == "NVMLError_LibRmVersionMismatch"
