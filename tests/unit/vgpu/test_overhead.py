"""Memory that the driver takes for itself in a process: contexts, code, what cuCtxSetLimit sets."""

import os
import shutil
from pathlib import Path

import pytest

from hami_dra.shares.region import read_use
from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from hami_dra.sim.machine import ProcessList
from tests.unit.vgpu.container import CUDA, GIB, MIB, Container

PROGRAM = (
    CUDA
    + """
import ctypes, json, os, struct

MIB = 1 << 20
OUT_OF_MEMORY = 2
LIMIT = cuda.CUlimit
library = ctypes.CDLL("libcuda.so.1")  # has the older versions too, which cuda-bindings no longer offers
seen = []

def is_refused(name, *arguments):
    return getattr(cuda, name)(*arguments)[0] == OUT_OF_MEMORY

def used():
    result, free, total = cuda.cuMemGetInfo()
    assert result == 0
    return (total - free) / MIB

def begin():
    call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))

def image(megabytes):
    return b".version 8.0".ljust(megabytes * MIB)

def load_library(megabytes):
    return "cuLibraryLoadData", image(megabytes), [], [], 0, [], [], 0

def loaded(name):
    return any(name in line for line in open("/proc/self/maps"))

def hidden(symbol, argument=ctypes.c_int):
    # A function of the driver that no interposer sees, as CUDA's runtime calls those of a private table.
    base, path = next((line.split("-")[0], line.split()[-1]) for line in open("/proc/self/maps") if "libcuda" in line)
    elf = open(path, "rb").read()
    start, size, count = (struct.unpack_from(form, elf, at)[0] for form, at in (("<Q", 40), ("<H", 58), ("<H", 60)))
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, start + size * index) for index in range(count)]
    symbols = next(section for section in sections if section[1] == 11)
    names = sections[symbols[6]][4]
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", elf, at)
        if elf[names + name:].split(b"\\0", 1)[0] == symbol.encode():
            return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, argument)(int(base, 16) + value)

call("cuInit", 0)
"""
)
SHOW = "\nprint(json.dumps(seen))\n"


def _machine(root: Path, driver: SimulatedDriver) -> Machine:
    return create_machine(root, simulated_gpus(2, memory_bytes=16 * GIB), driver)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Its contexts take 300 MiB each."""
    return _machine(tmp_path / "machine", SimulatedDriver(context_memory_bytes=300 * MIB))


@pytest.mark.parametrize(
    "create",
    [
        "cuCtxCreate(ctypes.byref(context), 0, 0)",
        "cuCtxCreate_v2(ctypes.byref(context), 0, 0)",
        "cuCtxCreate_v3(ctypes.byref(context), None, 0, 0, 0)",
        "cuCtxCreate_v4(ctypes.byref(context), None, 0, 0)",
    ],
    ids=lambda create: create.split("(")[0],
)
@pytest.mark.parametrize("end", ["cuCtxDestroy", "cuCtxDestroy_v2", "cuCtxDetach"])
def test_a_context_counts_until_it_ends_and_only_if_it_fits(container: Container, create: str, end: str) -> None:
    share = container.grant(0, GIB)
    program = f"""
begin()
context = ctypes.c_void_p()
assert library.{create} == 0
seen.append(used())
assert library.{end}(context) == 0
begin()
seen.append(used())
call("cuMemAlloc", 500 * MIB)
seen.append(library.{create} == OUT_OF_MEMORY)
seen += [context.value, used()]
"""
    assert container.python(PROGRAM + program + SHOW) == [600, 300, True, None, 800]
    assert container.use(share) == {}


@pytest.mark.parametrize("end", ["Release", "Release_v2", "Reset", "Reset_v2"])
def test_the_primary_context_counts_until_it_ends(container: Container, end: str) -> None:
    container.grant(0, GIB)
    program = f"""
from pynvml import *
nvmlInit()
used_by_nvml = lambda: nvmlDeviceGetMemoryInfo(nvmlDeviceGetHandleByIndex(0)).used / MIB
begin()
begin()
seen += [used(), used_by_nvml()]
call("cuDevicePrimaryCtxRelease", 0)
seen.append(used())
assert library.cuDevicePrimaryCtx{end}(0) == 0
seen.append(used_by_nvml())
begin()
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [300, 300, 300, 0, 300]


def test_a_primary_context_that_does_not_fit_is_refused_and_leaves_nothing(container: Container) -> None:
    container.grant(0, 299 * MIB)
    program = """
seen.append(is_refused("cuDevicePrimaryCtxRetain", 0))
result, flags, active = cuda.cuDevicePrimaryCtxGetState(0)
seen.append(active)
"""
    assert container.python(PROGRAM + program + SHOW) == [True, 0]


def test_code_counts_until_it_is_unloaded_and_only_if_it_fits(container: Container, tmp_path: Path) -> None:
    container.grant(0, 400 * MIB)
    path = tmp_path / "code.ptx"
    path.write_bytes(b".version 8.0".ljust(4 * MIB))
    program = f"""
path = {str(path)!r}.encode()
loads = [("cuModuleLoadData", image(1)), ("cuModuleLoadDataEx", image(2), 0, [], []), ("cuModuleLoad", path),
         ("cuModuleLoadFatBinary", image(8)), load_library(16),
         ("cuLibraryLoadFromFile", path, [], [], 0, [], [], 0)]
begin()
for load in loads:
    handle = call(*load)
    seen.append(used() - 300)
    call("cuLibraryUnload" if "Library" in load[0] else "cuModuleUnload", handle)
    seen.append(used() - 300)
filler = call("cuMemAlloc", 100 * MIB)
seen += [all(is_refused(*load) for load in loads), used()]
call("cuMemFree", filler)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [1, 0, 2, 0, 4, 0, 8, 0, 16, 0, 4, 0, True, 400, 300]
    assert container.used_on(0) == 0


def test_code_that_is_refused_is_not_in_the_device(container: Container) -> None:
    container.grant(0, 301 * MIB)
    program = """
begin()
seen += [is_refused("cuModuleLoadData", image(2)), is_refused(*load_library(2))]
seen.append(used())
call("cuModuleLoadData", image(1))
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [True, True, 300, 301]


def test_what_a_context_is_set_to_have_counts_and_only_if_it_fits(container: Container) -> None:
    container.grant(0, 400 * MIB)
    program = """
begin()
heap = LIMIT.CU_LIMIT_MALLOC_HEAP_SIZE
call("cuCtxSetLimit", heap, 72 * MIB)
seen.append(used())
seen += [is_refused("cuCtxSetLimit", heap, 200 * MIB), call("cuCtxGetLimit", heap) / MIB, used()]
call("cuCtxSetLimit", LIMIT.CU_LIMIT_PRINTF_FIFO_SIZE, 5 * MIB)
seen.append(used())
call("cuCtxSetLimit", heap, 8 * MIB)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [364, True, 72, 364, 368, 304]


@pytest.mark.parametrize("first", ["used()", "call('cuMemAlloc', MIB)"], ids=["looked", "allocated"])
def test_a_context_that_came_to_be_unseen_counts_from_the_first_use(container: Container, first: str) -> None:
    container.grant(0, GIB)
    program = f"""
context = ctypes.c_void_p()
hidden("cuDevicePrimaryCtxRetain")(ctypes.byref(context), 0)
call("cuCtxSetCurrent", cuda.CUcontext(context.value))
{first}
seen.append(used() - 300)
"""
    assert container.python(PROGRAM + program + SHOW) == [1 if "Alloc" in first else 0]


def test_nothing_is_had_beside_an_unseen_context_that_does_not_fit(container: Container) -> None:
    container.grant(0, 299 * MIB)
    program = """
context = ctypes.c_void_p()
hidden("cuDevicePrimaryCtxRetain")(ctypes.byref(context), 0)
call("cuCtxSetCurrent", cuda.CUcontext(context.value))
seen += [is_refused("cuMemAlloc", 1), is_refused("cuMemAlloc", 1)]
"""
    assert container.python(PROGRAM + program + SHOW) == [True, True]


def test_what_the_accounts_know_is_not_counted_twice(container: Container) -> None:
    container.grant(0, GIB)
    program = """
begin()
call("cuMemAlloc", MIB)
call("cuMemAllocManaged", 8 * MIB, 1)  # NVML knows nothing of it
stream = call("cuStreamCreate", 0)
call("cuMemAllocAsync", 3 * MIB, stream)  # the pool reserves 4
managed = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_MANAGED
pool = call("cuMemGetDefaultMemPool", cuda.CUmemLocation(), managed)
call("cuMemAllocFromPoolAsync", 2 * MIB, pool, stream)  # nor of this
properties = cuda.CUmemAllocationProp()
properties.type = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
properties.location.type = cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
call("cuMemCreate", 16 * MIB, properties, 0)
shape = cuda.CUDA_ARRAY_DESCRIPTOR()
shape.Width, shape.Height, shape.NumChannels = 1024, 1024, 4
shape.Format = cuda.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT32
call("cuArrayCreate", shape)  # 16 too
seen.append(used())
for megabytes in 32, 64:
    call("cuModuleLoadData", image(megabytes))
    seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [347, 379, 443]


def test_what_the_driver_rounds_up_counts_when_it_is_next_asked(container: Container) -> None:
    container.grant(0, GIB)
    program = """
begin()
description = cuda.CUDA_EXTERNAL_MEMORY_HANDLE_DESC()
description.type = cuda.CUexternalMemoryHandleType.CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD
description.handle.fd, description.size = os.open("/dev/zero", os.O_RDWR), 1
call("cuImportExternalMemory", description)
seen.append((used() - 300) * MIB)
call("cuModuleLoadData", image(1))
seen.append((used() - 301) * MIB)
"""
    assert container.python(PROGRAM + program + SHOW) == [1, 512]


LATE = """
begin()
code = b".version 8.0\\n.target sm_80\\n.address_size 64\\n.visible .entry work()\\n{\\n\\tret;\\n}\\n"
module = call("cuModuleLoadData", code.ljust(64 * MIB))
"""


def test_code_that_is_loaded_late_counts_with_an_allocation_soon(container: Container) -> None:
    container.grant(0, GIB)
    program = """
seen.append(used())
call("cuModuleGetFunction", module, b"work")
while used() < 364:
    call("cuMemFree", call("cuMemAlloc", MIB))
seen.append(used())
"""
    assert container.python(PROGRAM + LATE + program + SHOW, CUDA_MODULE_LOADING="LAZY") == [300, 364]


def test_nothing_is_had_beside_late_code_that_does_not_fit(container: Container) -> None:
    container.grant(0, 363 * MIB)
    program = """
call("cuModuleGetFunction", module, b"work")
while not is_refused("cuMemAlloc", 512):
    pass
seen.append(is_refused("cuMemAlloc", 512))
"""
    assert container.python(PROGRAM + LATE + program + SHOW, CUDA_MODULE_LOADING="LAZY") == [True]


@pytest.mark.parametrize(
    "load",
    [
        'call("cuKernelGetFunction", kernel)',
        'call("cuFuncLoad", function)',
        'call("cuLibraryGetKernel", library, b"work")',
        'call("cuLibraryGetModule", library)',
        'cuda.cuLibraryGetGlobal(library, b"variable")',
        'cuda.cuLibraryGetManaged(library, b"variable")',
        'call("cuLaunchKernel", function, 1, 1, 1, 1, 1, 1, 0, None, 0, 0)',
        'call("cuGraphInstantiate", graph, 0)',
        'call("cuGraphUpload", executable, None)',
    ],
    ids=[
        "get function",
        "load function",
        "get kernel",
        "module",
        "variable",
        "managed",
        "first launch",
        "instantiate",
        "upload",
    ],
)
def test_every_way_to_load_late_makes_code_count(container: Container, load: str) -> None:
    """What is loaded here the library does not see, nor is it late: but NVML is asked again."""
    container.grant(0, GIB)
    program = f"""
library = call("cuLibraryLoadData", code, [], [], 0, [], [], 0)
kernel = call("cuLibraryGetKernel", library, b"work")
function = call("cuKernelGetFunction", kernel)
graph = call("cuGraphCreate", 0)
executable = call("cuGraphInstantiate", graph, 0)
call("cuModuleLoadData", image(1))  # NVML is asked
unseen = ctypes.c_void_p()
hidden("cuModuleLoadData", ctypes.c_void_p)(ctypes.byref(unseen), image(32))
call("cuMemFree", call("cuMemAlloc", MIB))
seen.append(round(used()))
{load}
while used() < 397:
    call("cuMemFree", call("cuMemAlloc", MIB))
seen.append(round(used()))
"""
    assert container.python(PROGRAM + LATE + program + SHOW) == [365, 397]


def test_before_anything_is_refused_nvml_is_asked_again(container: Container) -> None:
    """What was counted of the driver's own may have gone since, or was another thread's for a moment."""
    container.grant(0, GIB)
    program = """
unseen = ctypes.c_void_p()
hidden("cuModuleLoadData", ctypes.c_void_p)(ctypes.byref(unseen), image(32))
call("cuModuleLoadData", image(1))  # NVML is asked
seen.append(round(used()))
hidden("cuModuleUnload")(unseen, 0)
seen.append(round(used()))
call("cuMemAlloc", (1024 - 365) * MIB)
seen.append(round(used()))
"""
    assert container.python(PROGRAM + LATE + program + SHOW) == [397, 397, 1024]


def test_a_green_context_counts_until_it_ends_and_only_if_it_fits(container: Container) -> None:
    container.grant(0, GIB)
    program = """
begin()
resource = call("cuDeviceGetDevResource", 0, cuda.CUdevResourceType.CU_DEV_RESOURCE_TYPE_SM)
green = call("cuDevResourceGenerateDesc", [resource], 1), 0, 1
context = call("cuGreenCtxCreate", *green)
seen.append(used())
call("cuGreenCtxDestroy", context)
seen.append(used())
call("cuMemAlloc", 500 * MIB)
seen += [is_refused("cuGreenCtxCreate", *green), used()]
"""
    assert container.python(PROGRAM + program + SHOW) == [600, 300, True, 800]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="making a PID namespace needs root")
def test_contexts_of_two_containers_that_start_at_once_count_exactly(tmp_path: Path, programs: Path) -> None:
    """HAMi-core compares NVML's list of processes before and after, and takes one process for another (defect 6)."""
    machine = _machine(tmp_path / "machine", SimulatedDriver(context_memory_bytes=300 * MIB, context_ms=50))
    containers = [Container(tmp_path / name, machine, programs) for name in ("one", "other")]
    shares = [container.grant(0, 4 * GIB) for container in containers]
    clients = [
        container.start("client", "dlsym", through=("unshare", "--pid", "--fork", "--kill-child"))
        for _ in range(4)
        for container in containers
    ]
    try:
        for client in clients:  # all of them at once
            assert client.stdin is not None
            client.stdin.write("device - 0\n")
            client.stdin.flush()
        for client in clients:
            assert client.stdout is not None
            assert [client.stdout.readline() for _ in ("cuInit", "context")] == ["0\n", "0\n"]
        for container, share in zip(containers, shares, strict=True):
            uses = read_use(container.folder(share) / "region")
            assert [use.used for use in uses] == [300 * MIB] * 4
    finally:
        # They end with their input. To kill unshare would kill them a moment later, at work on their end: a sanitizer's
        # look at all threads would then miss one, and say so.
        for client in clients:
            client.communicate()


@pytest.mark.parametrize("listed", ["without-memory", "absent"])
def test_a_driver_that_tells_less_leaves_contexts_uncounted(
    tmp_path: Path, programs: Path, listed: ProcessList
) -> None:
    machine = _machine(tmp_path / "machine", SimulatedDriver(context_memory_bytes=300 * MIB, process_list=listed))
    container = Container(tmp_path / "shares", machine, programs)
    container.grant(0, GIB)
    log = tmp_path / "log"
    program = """
begin()
call("cuMemAlloc", MIB)
call("cuModuleLoadData", image(1))
seen.append(used())
"""
    environment = {"LIBCUDA_LOG_LEVEL": "3", "LIBCUDA_LOG_FILE": str(log)}
    assert container.python(PROGRAM + program + SHOW, **environment) == [1]
    assert log.read_text().count("NVML does not tell this process's memory") == 1


def test_nothing_is_said_of_contexts_that_take_nothing(container: Container, tmp_path: Path) -> None:
    container.machine = _machine(tmp_path / "light", SimulatedDriver())
    container.grant(0, GIB)
    program = """
for _ in range(2):
    begin()
    call("cuMemFree", call("cuMemAlloc", MIB))
    call("cuDevicePrimaryCtxReset", 0)
begin()
call("cuMemAlloc", MIB)
call("cuModuleLoadData", image(1))
seen.append(used())
"""
    log = tmp_path / "log"
    environment = {"LIBCUDA_LOG_LEVEL": "3", "LIBCUDA_LOG_FILE": str(log)}
    assert container.python(PROGRAM + program + SHOW, **environment) == [2]
    assert not log.exists()


def test_of_a_closed_gpu_the_log_says_why_it_is_and_nothing_of_nvml(container: Container, tmp_path: Path) -> None:
    (container.folder(container.grant(0, GIB)) / "limits").write_text("")
    program = """
begin()
seen.append(is_refused("cuMemAlloc", 1))
"""
    log = tmp_path / "log"
    environment = {"LIBCUDA_LOG_LEVEL": "3", "LIBCUDA_LOG_FILE": str(log)}
    assert container.python(PROGRAM + program + SHOW, **environment) == [True]
    closed, refused = log.read_text().splitlines()
    assert "GPUs without another share are closed" in closed
    assert "refused 512 bytes: 0 of 0 in use" in refused


@pytest.mark.parametrize(
    ("others", "questions"), [(127, "++++"), (128, "-++++"), (500, "-++++")], ids=["few", "many", "hundreds"]
)
def test_a_list_that_was_too_long_once_is_made_in_vain_once(
    container: Container, tmp_path: Path, others: int, questions: str
) -> None:
    container.grant(0, 2 * GIB)
    program = """
begin()
call("cuModuleLoadData", image(1))
call("cuModuleLoadData", image(1))
seen.append(used())
"""
    asked = tmp_path / "asked"
    environment = {
        "LD_LIBRARY_PATH": f"{container.programs / 'crowded'}:{container.machine.library_dir}",
        "CROWDED_ROWS": str(others),
        "CROWDED_QUESTIONS": str(asked),
    }
    assert container.python(PROGRAM + program + SHOW, **environment) == [1024]
    assert asked.read_text() == questions


def test_nvml_is_loaded_for_a_context_on_a_limited_gpu_only(container: Container) -> None:
    container.grant(1, GIB)
    program = """
seen.append(loaded("libnvidia-ml"))
begin()
call("cuMemAlloc", MIB)
seen.append(loaded("libnvidia-ml"))
call("cuDevicePrimaryCtxRetain", 1)
seen.append(loaded("libnvidia-ml"))
"""
    assert container.python(PROGRAM + program + SHOW) == [False, False, True]
