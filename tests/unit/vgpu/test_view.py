"""One view of a share: what NVML, nvidia-smi and CUDA show is the share's, and nothing of its neighbours."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hami_dra.sim import Machine
from tests.unit.vgpu.container import GIB, MIB, SUCCESS, Container

LIST = """
import json
from ctypes import *
import pynvml

class V1(Structure):
    _fields_ = [("pid", c_uint), ("used", c_ulonglong)]

class V2(Structure):
    _fields_ = [*V1._fields_, ("gpu_instance", c_uint), ("compute_instance", c_uint)]

pynvml.nvmlInit()
device = pynvml.nvmlDeviceGetHandleByIndex(0)
library = CDLL("libnvidia-ml.so.1")

def ask(function, structure, room):
    count, rows = c_uint(room), (structure * max(room, 1))()
    result = getattr(library, function)(device, byref(count), rows if room else None)
    shown = [[row.pid, row.used] for row in rows[: min(room, count.value)]]
    return [result, count.value, sorted(shown)]

def lists(kind, room):
    name = f"nvmlDeviceGet{kind}RunningProcesses"
    return [ask(name, V1, room), ask(name + "_v2", V2, room), ask(name + "_v3", V2, room)]

def details(mode):
    found = pynvml.nvmlDeviceGetRunningProcessDetailList(device, pynvml.nvmlProcessDetailList_v1, mode)
    return sorted([one.pid, one.usedGpuMemory] for one in found)
"""
SHOW_COMPUTE = LIST + "print(json.dumps(ask('nvmlDeviceGetComputeRunningProcesses_v3', V2, 8)))"
INVALID_ARGUMENT, INSUFFICIENT_SIZE = 2, 7


@pytest.mark.parametrize("function", ["cuMemGetInfo", "cuMemGetInfo_v2"])
def test_a_program_need_not_ask_for_both_free_and_total_memory(container: Container, function: str) -> None:
    container.grant(0, GIB)
    program = f"""
import ctypes, json
from cuda.bindings import driver as cuda
cuda.cuInit(0)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
cuda.cuMemAlloc(1 << 20)
ask, free, total = ctypes.CDLL("libcuda.so.1").{function}, ctypes.c_size_t(), ctypes.c_size_t()
results = [ask(ctypes.byref(free), None), ask(None, ctypes.byref(total)), ask(None, None)]
print(json.dumps([*results, free.value, total.value]))
"""
    assert container.python(program) == [SUCCESS, SUCCESS, SUCCESS, GIB - MIB, GIB]


@pytest.fixture
def neighbour(tmp_path: Path, machine: Machine, programs: Path) -> Iterator[Container]:
    """Another container on the same machine."""
    neighbour = Container(tmp_path / "the neighbour's shares", machine, programs)
    yield neighbour
    neighbour.stop()


def _processes_in(table: str) -> list[list[str]]:
    """PID and memory of each process in nvidia-smi's table."""
    rows = [line.strip("| ").split() for line in table.split("Processes:")[1].splitlines()]
    return [[row[1], row[-1]] for row in rows if len(row) > 3 and row[2] == "C"]


def test_defect_10_nvidia_smi_lists_the_shares_own_processes_and_nobody_elses(
    container: Container, neighbour: Container
) -> None:
    container.grant(0, 4 * GIB)
    neighbour.grant(0, 4 * GIB)
    own, foreign = container.client(), neighbour.client()
    own.allocate(GIB)
    foreign.allocate(2 * GIB)
    shown = container.run(container.machine.smi).stdout
    assert _processes_in(shown) == [[str(own.pid), "1024MiB"]]
    assert "1024MiB / 4096MiB" in shown


def test_defect_10_an_unlimited_gpu_shows_the_drivers_own_figures(container: Container, neighbour: Container) -> None:
    container.grant(1, GIB)
    own, foreign = container.client(), neighbour.client()
    own.allocate(GIB)
    foreign.allocate(2 * GIB)
    assert own.total() == 16 * GIB
    assert own.info() == (13 * GIB, 16 * GIB)
    shown = container.python(LIST + "print(json.dumps([lists('Compute', 8), details(0)]))")
    both = sorted([[own.pid, GIB], [foreign.pid, 2 * GIB]])
    assert shown == [[[SUCCESS, 2, both]] * 3, both]


def test_defect_10_use_above_a_lowered_limit_shows_nothing_free_and_is_no_error(container: Container) -> None:
    share = container.grant(0, 4 * GIB)
    client = container.client()
    client.allocate(3 * GIB)
    container.write(replace(share, memory=GIB))
    assert client.info() == (0, GIB)
    assert client.total() == GIB
    show_memory = """
old, new = pynvml.nvmlDeviceGetMemoryInfo(device), pynvml.nvmlDeviceGetMemoryInfo(device, version=pynvml.nvmlMemory_v2)
print(json.dumps([[info.total, info.used, info.free] for info in (old, new)]))
"""
    assert container.python(LIST + show_memory) == [[GIB, GIB, 0]] * 2
    assert "1024MiB / 1024MiB" in container.run(container.machine.smi).stdout


def test_every_version_of_the_process_lists_has_the_same_processes(container: Container, neighbour: Container) -> None:
    container.grant(0, 4 * GIB)
    first, second, foreign = container.client(), container.client(), neighbour.client()
    first.allocate(GIB)
    second.allocate(MIB)
    foreign.allocate(MIB)
    show = """
print(json.dumps({
    "compute": lists("Compute", 8), "graphics": lists("Graphics", 8), "MPS": lists("MPSCompute", 8),
    "how many": lists("Compute", 0), "too small": lists("Compute", 1),
    "by mode": [details(mode) for mode in range(4)],
}))
"""
    shown = container.python(LIST + show)
    both = sorted([[first.pid, GIB], [second.pid, MIB]])
    assert shown["compute"] == [[SUCCESS, 2, both]] * 3
    assert shown["graphics"] == shown["MPS"] == [[SUCCESS, 0, []]] * 3
    assert shown["how many"] == [[INSUFFICIENT_SIZE, 2, []]] * 3
    assert [answer[:2] for answer in shown["too small"]] == [[INSUFFICIENT_SIZE, 2]] * 3
    assert shown["by mode"] == [both, [], [], both]


def test_what_the_driver_refuses_to_list_is_refused(container: Container) -> None:
    container.grant(0, GIB)
    ask = """
name = "nvmlDeviceGetComputeRunningProcesses_v3"
function, room = getattr(library, name), c_uint(1)
wrong = [function(None, byref(room), (V2 * 1)()), function(device, None, None), function(device, byref(room), None)]
mismatch = library.nvmlDeviceGetRunningProcessDetailList(device, byref(pynvml.c_nvmlProcessDetailList_t(version=7)))
pynvml.nvmlShutdown()
print(json.dumps([wrong, mismatch, function(device, byref(room), (V2 * 1)())]))
"""
    version_mismatch, uninitialized = 25, 1
    assert container.python(LIST + ask) == [[INVALID_ARGUMENT] * 3, version_mismatch, uninitialized]


def test_a_process_with_several_shares_of_a_gpu_is_listed_once(container: Container) -> None:
    container.grant(0, GIB)
    container.grant(0, GIB)
    client = container.client()
    client.allocate(GIB + 5 * MIB)
    assert container.python(SHOW_COMPUTE) == [SUCCESS, 1, [[client.pid, GIB + 5 * MIB]]]


def test_a_killed_process_is_no_longer_listed(container: Container) -> None:
    container.grant(0, GIB)
    client = container.client()
    client.allocate(MIB)
    client.kill()
    assert container.python(SHOW_COMPUTE) == [SUCCESS, 0, []]


def test_a_process_lists_itself_by_its_own_pid(container: Container) -> None:
    container.grant(0, GIB)
    program = """
import os
from cuda.bindings import driver as cuda
cuda.cuInit(0)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
cuda.cuMemAlloc(1 << 20)
print(json.dumps([os.getpid(), ask("nvmlDeviceGetComputeRunningProcesses_v3", V2, 8)]))
"""
    pid, shown = container.python(LIST + program)
    assert shown == [SUCCESS, 1, [[pid, MIB]]]


needs_pid_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="making a PID namespace needs root"
)
IN_A_PID_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child")


@needs_pid_namespaces
def test_a_process_in_a_pid_namespace_below_is_listed_by_the_pid_that_it_has_here(container: Container) -> None:
    container.grant(0, GIB)
    inside = container.client(through=IN_A_PID_NAMESPACE)
    inside.allocate(MIB)
    starter = inside.process.pid
    pid = int(Path(f"/proc/{starter}/task/{starter}/children").read_text())
    assert container.python(SHOW_COMPUTE) == [SUCCESS, 1, [[pid, MIB]]]


@needs_pid_namespaces
def test_processes_of_another_pid_namespace_count_and_are_not_listed(container: Container) -> None:
    container.grant(0, GIB)
    outside = container.client()
    outside.allocate(MIB)
    inside = container.run(*IN_A_PID_NAMESPACE, sys.executable, "-c", SHOW_COMPUTE)
    assert inside.stdout.strip() == f"[{SUCCESS}, 0, []]"
    assert "1MiB / 1024MiB" in container.run(*IN_A_PID_NAMESPACE, container.machine.smi).stdout


def test_bar1_is_shown_in_proportion_to_the_share(container: Container) -> None:
    container.grant(0, 4 * GIB)
    show = "bar1 = pynvml.nvmlDeviceGetBAR1MemoryInfo(device)\nprint(json.dumps([bar1.bar1Total, bar1.bar1Free]))"
    assert container.python(LIST + show) == [4 * GIB, 4 * GIB]


SHOW_BUSY = """
import json
import pynvml

def samples(function):
    try:
        return [[sample.pid, sample.smUtil] for sample in function(device, 0)]
    except pynvml.NVMLError as error:
        return type(error).__name__

pynvml.nvmlInit()
device = pynvml.nvmlDeviceGetHandleByIndex(0)
rates = pynvml.nvmlDeviceGetUtilizationRates(device)
print(json.dumps([
    [rates.gpu, rates.memory],
    samples(pynvml.nvmlDeviceGetProcessUtilization), samples(pynvml.nvmlDeviceGetProcessesUtilizationInfo),
]))
"""


def _show_busy(container: Container, processes: str, **environment: str) -> Any:
    return container.python(
        SHOW_BUSY,
        LD_LIBRARY_PATH=str(container.programs / "busy"),
        BUSY_GPU=container.machine.gpus[0].uuid,
        BUSY_PROCESSES=processes,
        **environment,
    )


def test_utilization_is_that_of_the_shares_own_processes(container: Container) -> None:
    container.grant(0, GIB)
    first, second = container.client(), container.client()
    for client in (first, second):
        client.allocate(MIB)
    foreign = f"{os.getpid()}:40"
    own = [[first.pid, 20], [second.pid, 12]]
    assert _show_busy(container, f"{foreign},{first.pid}:20,{second.pid}:12") == [[32, 16], own, own]
    assert _show_busy(container, f"{first.pid}:80,{second.pid}:70")[0] == [100, 75]
    assert _show_busy(container, foreign) == [[0, 0], "NVMLError_NotFound", "NVMLError_NotFound"]


def test_where_the_driver_does_not_measure_processes_the_rates_are_the_gpus(container: Container) -> None:
    container.grant(0, GIB)
    rates, by_process, _ = _show_busy(container, f"{os.getpid()}:40", BUSY_UNMEASURED="1")
    assert (rates, by_process) == ([99, 98], "NVMLError_NotSupported")


def test_utilization_of_an_unlimited_gpu_is_the_drivers(container: Container) -> None:
    container.grant(1, GIB)
    foreign = [[os.getpid(), 40]]
    assert _show_busy(container, f"{os.getpid()}:40") == [[99, 98], foreign, foreign]
