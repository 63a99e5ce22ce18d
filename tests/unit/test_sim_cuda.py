"""The simulated libcuda.so.1, used by cuda-bindings."""

import os
import signal
from pathlib import Path

import pytest

from hami_dra.sim import MODELS, Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.client import run, running

GIB = 2**30
MIB = 2**20

# For programs that call the library by themselves.
LIBRARY = "import ctypes\nlibrary = ctypes.CDLL('libcuda.so.1')\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB))


def test_a_device_is_what_was_described(machine: Machine) -> None:
    seen = run(
        machine,
        """
call("cuInit", 0)
device = call("cuDeviceGet", 1)
attribute = driver.CUdevice_attribute
show([
    call("cuDriverGetVersion"),
    call("cuDeviceGetCount"),
    call("cuDeviceGetName", 64, device).split(b"\\0")[0].decode(),
    call("cuDeviceGetUuid", device).bytes.hex(),
    call("cuDeviceTotalMem", device),
    call("cuDeviceGetPCIBusId", 16, device).split(b"\\0")[0].decode(),
    int(call("cuDeviceGetByPCIBusId", b"0000:02:00.0")),
    call("cuDeviceGetAttribute", attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
    call("cuDeviceGetAttribute", attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device),
])
""",
    )
    uuid = machine.gpus[1].uuid.removeprefix("GPU-").replace("-", "")
    assert seen == [13000, 2, "NVIDIA A100-SXM4-40GB", uuid, 16 * GIB, "0000:02:00.0", 1, 8, 108]


def test_memory_is_full_to_the_last_byte_and_no_further(machine: Machine) -> None:
    seen = run(
        machine,
        """
start()
first = call("cuMemAlloc", 10 * GIB)
second = call("cuMemAlloc", 6 * GIB - 512)
seen = [free(), error_of("cuMemAlloc", 513)]
call("cuMemAlloc", 512)
seen += [free(), error_of("cuMemAlloc", 1)]
call("cuMemFree", first)
show([*seen, free(), error_of("cuMemFree", first), error_of("cuMemAlloc", 0)])
""",
    )
    out_of_memory = "CUDA_ERROR_OUT_OF_MEMORY"
    invalid = "CUDA_ERROR_INVALID_VALUE"
    assert seen == [512, out_of_memory, 0, out_of_memory, 10 * GIB, invalid, invalid]


def test_every_allocation_takes_what_it_should(machine: Machine) -> None:
    """Managed and host memory takes nothing of the device's; the host can use both at once."""
    seen = run(
        machine,
        """
import ctypes
start()
before = free()
took = {}
def measure(name, *arguments):
    global before
    pointer = call(name, *arguments)
    took[name] = before - free()
    before = free()
    return pointer
stream = call("cuStreamCreate", 0)
plain = measure("cuMemAlloc", 1)
asynchronous = measure("cuMemAllocAsync", 3 * MIB, stream)  # from a pool, which takes 2 MiB at a time
pitched, pitch = measure("cuMemAllocPitch", 1000, 10, 4)
managed = measure("cuMemAllocManaged", 20 * GIB, 1)
host = measure("cuMemAllocHost", MIB)
ctypes.memset(int(managed) + 20 * GIB - 1, 7, 1)
ctypes.memset(int(host), 7, MIB)
call("cuMemFreeAsync", asynchronous, stream)
call("cuStreamSynchronize", stream)
for pointer in plain, pitched, managed:
    call("cuMemFree", pointer)
call("cuMemFreeHost", host)
show([took, pitch, free()])
""",
    )
    took = {
        "cuMemAlloc": 512,
        "cuMemAllocAsync": 4 * MIB,
        "cuMemAllocPitch": 10240,
        "cuMemAllocManaged": 0,
        "cuMemAllocHost": 0,
    }
    assert seen == [took, 1024, 16 * GIB]


def test_device_memory_keeps_what_was_written(machine: Machine) -> None:
    seen = run(
        machine,
        """
start()
pointer = call("cuMemAlloc", 12 * GIB)
end = int(pointer) + 12 * GIB
other = call("cuMemAlloc", 4096)
call("cuMemcpyHtoD", end - 5, b"hello", 5)
call("cuMemcpyDtoD", other, end - 5, 5)
call("cuMemsetD8", int(other) + 5, 33, 1)
back = bytearray(6)
call("cuMemcpyDtoH", back, other, 6)
show([back.decode(), error_of("cuMemcpyHtoD", end - 4, b"hello", 5), error_of("cuMemsetD8", end, 0, 1),
      [int(value) for value in call("cuMemGetAddressRange", end - 1)] == [int(pointer), 12 * GIB]])
""",
    )
    assert seen == ["hello!", "CUDA_ERROR_INVALID_VALUE", "CUDA_ERROR_INVALID_VALUE", True]


def test_processes_share_a_device_until_they_die(machine: Machine) -> None:
    with running(machine, "start()\ncall('cuMemAlloc', 10 * GIB)") as holder:
        refused = run(machine, "start()\nshow([free(), error_of('cuMemAlloc', 7 * GIB)])")
        assert refused == [6 * GIB, "CUDA_ERROR_OUT_OF_MEMORY"]
        assert run(machine, "start(1)\nshow(free())") == 16 * GIB
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert run(machine, "start()\ncall('cuMemAlloc', 16 * GIB)\nshow(free())") == 0
    assert [gpu.used for gpu in machine.usage()] == [0, 0]


def test_memory_that_a_process_gave_back_is_there_for_others(machine: Machine) -> None:
    with running(machine, "start()\ncall('cuMemFree', call('cuMemAlloc', 16 * GIB))\ncall('cuMemAlloc', 512)"):
        assert run(machine, "start()\ncall('cuMemAlloc', 16 * GIB - 512)\nshow(free())") == 0


def test_totals_are_exact_after_kills_at_random_instants(machine: Machine) -> None:
    """Children take a slot, allocate and free, and are killed whenever; a newcomer gets all that the living leave."""
    program = """
import ctypes, random, signal, time
library = ctypes.CDLL("libcuda.so.1")
context, pointer = ctypes.c_void_p(), ctypes.c_uint64()

def churn():
    library.cuInit(0)
    library.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
    library.cuCtxSetCurrent(context)
    while True:
        if not library.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(random.randrange(1, GIB))):
            library.cuMemFree_v2(pointer)

children = []
for _ in range(100):
    if len(children) == 4:
        child = children.pop(random.randrange(4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    child = os.fork()
    if child == 0:
        churn()
    children.append(child)
    time.sleep(random.random() / 500)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
start()
call("cuMemAlloc", 15 * GIB)
show(free())
"""
    with running(machine, "start()\ncall('cuMemFree', call('cuMemAlloc', 9 * GIB))\ncall('cuMemAlloc', GIB)") as living:
        assert run(machine, program) == 0
        assert [process.pid for process in machine.usage()[0].processes] == [living.pid]


def test_threads_do_not_lose_or_double_memory(machine: Machine) -> None:
    seen = run(
        machine,
        """
import threading
start()
context = call("cuCtxGetCurrent")
wrong = []
def churn():
    call("cuCtxSetCurrent", context)
    for _ in range(300):
        held = [call("cuMemAlloc", 100 * MIB) for _ in range(3)]
        if len({int(pointer) for pointer in held}) != 3:
            wrong.append(held)
        for pointer in held:
            call("cuMemFree", pointer)
threads = [threading.Thread(target=churn) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
show([len(wrong), free()])
""",
    )
    assert seen == [0, 16 * GIB]


def test_a_forked_child_has_no_driver_and_leaves_its_parents_alone(machine: Machine) -> None:
    seen = run(
        machine,
        """
start()
call("cuMemAlloc", GIB)
child = os.fork()
if child == 0:
    refused = [error_of("cuInit", 0), error_of("cuMemAlloc", 1), error_of("cuMemGetInfo")]
    os._exit(0 if refused == ["CUDA_ERROR_NOT_INITIALIZED"] * 3 else 1)
status = os.waitpid(child, 0)[1]
show([status, free()])
""",
    )
    assert seen == [0, 15 * GIB]


def test_contexts_cost_memory_and_take_what_they_allocated_with_them(tmp_path: Path) -> None:
    driver = SimulatedDriver(context_memory_bytes=350 * MIB, context_ms=20)
    machine = create_machine(tmp_path / "root", simulated_gpus(1, memory_bytes=GIB), driver)
    seen = run(
        machine,
        """
import time
call("cuInit", 0)
began = time.monotonic()
outer = call("cuCtxCreate", None, 0, 0)
took = time.monotonic() - began
call("cuMemAlloc", 100 * MIB)
frees = [free()]
inner = call("cuCtxCreate", None, 0, 0)
call("cuMemAlloc", 50 * MIB)
frees.append(free())
call("cuCtxDestroy", inner)
frees.append(free())
third = call("cuCtxCreate", None, 0, 0)
frees.append(free())
refused = error_of("cuCtxCreate", None, 0, 0)
call("cuCtxDestroy", third)
call("cuCtxDestroy", outer)
show([took >= 0.02, [value // MIB for value in frees], refused, error_of("cuMemGetInfo"),
      error_of("cuCtxSetCurrent", outer)])
""",
    )
    invalid = "CUDA_ERROR_INVALID_CONTEXT"
    assert seen == [True, [574, 174, 574, 224], "CUDA_ERROR_OUT_OF_MEMORY", invalid, invalid]


def test_the_primary_context_lives_as_long_as_it_is_retained(machine: Machine) -> None:
    seen = run(
        machine,
        """
start()
again = call("cuDevicePrimaryCtxRetain", 0)
same = int(again) == int(call("cuCtxGetCurrent"))
call("cuMemAlloc", GIB)
call("cuDevicePrimaryCtxRelease", 0)
active = call("cuDevicePrimaryCtxGetState", 0)[1]
call("cuDevicePrimaryCtxRelease", 0)
show([same, active, call("cuDevicePrimaryCtxGetState", 0)[1], error_of("cuMemGetInfo"),
      error_of("cuDevicePrimaryCtxRelease", 0)])
""",
    )
    assert seen == [True, 1, 0, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "CUDA_ERROR_INVALID_CONTEXT"]
    assert machine.usage()[0].used == 0


def test_physical_memory_is_shared_by_its_mappings_and_lives_until_the_last_one(machine: Machine) -> None:
    seen = run(
        machine,
        """
start()
prop = driver.CUmemAllocationProp()
prop.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
prop.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
access = driver.CUmemAccessDesc()
access.location = prop.location
access.flags = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
size = 4 * MIB
granularity = call("cuMemGetAllocationGranularity", prop, 0)
handle = call("cuMemCreate", size, prop, 0)
frees = [free()]
start_address = int(call("cuMemAddressReserve", 4 * size, 0, 0, 0))
for address in start_address, start_address + size:
    call("cuMemMap", address, size, 0, handle, 0)
refused = [error_of("cuMemcpyHtoD", start_address, b"x", 1), error_of("cuMemMap", start_address, size, 0, handle, 0)]
call("cuMemSetAccess", start_address, 2 * size, [access], 1)
call("cuMemcpyHtoD", start_address + size - 2, b"xy", 2)
back = bytearray(2)
call("cuMemcpyDtoH", back, start_address + 2 * size - 2, 2)
call("cuMemRelease", handle)
retained = call("cuMemRetainAllocationHandle", start_address)
call("cuMemRelease", retained)
call("cuMemUnmap", start_address, size)
frees.append(free())
refused.append(error_of("cuMemAddressFree", start_address, 4 * size))
call("cuMemUnmap", start_address + size, size)
frees.append(free())
call("cuMemAddressFree", start_address, 4 * size)
refused += [error_of("cuMemRelease", handle), error_of("cuMemCreate", 16 * GIB + 2 * MIB, prop, 0),
            error_of("cuMemCreate", MIB, prop, 0)]
show([granularity, [16 * GIB - value for value in frees], back.decode(), refused])
""",
    )
    invalid = "CUDA_ERROR_INVALID_VALUE"
    refused = [invalid, "CUDA_ERROR_ALREADY_MAPPED", invalid, invalid, "CUDA_ERROR_OUT_OF_MEMORY", invalid]
    assert seen == [2 * MIB, [4 * MIB, 4 * MIB, 0], "xy", refused]


def test_streams_are_idle_and_events_are_instants(machine: Machine) -> None:
    seen = run(
        machine,
        """
import time
start()
stream = call("cuStreamCreateWithPriority", 1, -9)
first, second = call("cuEventCreate", 0), call("cuEventCreate", 0)
call("cuEventRecord", first, stream)
time.sleep(0.01)
call("cuEventRecord", second, stream)
call("cuStreamWaitEvent", 0, second, 0)
call("cuStreamSynchronize", stream)
elapsed = call("cuEventElapsedTime", first, second)
show([10 <= elapsed < 5000, call("cuStreamGetPriority", stream), call("cuStreamGetFlags", stream),
      error_of("cuStreamQuery", stream), error_of("cuStreamDestroy", 0)])
""",
    )
    assert seen == [True, -5, 1, "CUDA_SUCCESS", "CUDA_ERROR_INVALID_HANDLE"]


def test_what_is_not_simulated_says_so(machine: Machine) -> None:
    assert run(machine, "start()\nshow(error_of('cuModuleLoadData', b'\\x7fELF'))") == "CUDA_ERROR_NOT_SUPPORTED"


def test_nothing_works_before_cu_init(machine: Machine) -> None:
    seen = run(machine, "show([call('cuDriverGetVersion'), error_of('cuDeviceGetCount'), error_of('cuMemAlloc', 1)])")
    assert seen == [13000, "CUDA_ERROR_NOT_INITIALIZED", "CUDA_ERROR_NOT_INITIALIZED"]


# What CUDA_VISIBLE_DEVICES shows, as ordinals without it. {0} is the UUID of GPU 0, {1:.12} the start of GPU 1's.
VISIBLE = {
    "1,0": [1, 0],
    "1": [1],
    "0,7,1": [0],
    "1,-1,0": [1],
    "1x, 0": [1, 0],
    "0,0": [],
    "": [],
    "{1}": [1],
    "{1:.12},{0}": [1, 0],
    "GPU-": [],
    "{0},GPU-none": [0],
    "GPU-none,{0}": [],
}


def test_cuda_visible_devices(machine: Machine) -> None:
    uuids = [gpu.uuid for gpu in machine.gpus]
    seen = run(
        machine,
        f"""
def look(visible):
    os.environ["CUDA_VISIBLE_DEVICES"] = visible
    if error_of("cuInit", 0) == "CUDA_ERROR_NO_DEVICE":
        return []
    return [call("cuDeviceGetUuid", device).bytes.hex() for device in range(call("cuDeviceGetCount"))]

def look_in_child(visible):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, json.dumps(look(visible)).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(reader, 4096))

show([look_in_child(visible) for visible in {[visible.format(*uuids) for visible in VISIBLE]}])
""",
    )
    ordinals = {uuid.removeprefix("GPU-").replace("-", ""): ordinal for ordinal, uuid in enumerate(uuids)}
    assert dict(zip(VISIBLE, ([ordinals[uuid] for uuid in row] for row in seen), strict=True)) == VISIBLE


@pytest.mark.parametrize(("order", "first"), [("FASTEST_FIRST", "H100"), ("PCI_BUS_ID", "T4"), ("", "H100")])
def test_cuda_device_order(tmp_path: Path, order: str, first: str) -> None:
    slow = simulated_gpus(1, model=MODELS["Tesla T4"], seed="slow")
    fast = simulated_gpus(1, model=MODELS["NVIDIA H100 80GB HBM3"], seed="fast")
    machine = create_machine(tmp_path / "root", slow + fast)
    name = run(machine, "start()\nshow(call('cuDeviceGetName', 64, 0).decode())", CUDA_DEVICE_ORDER=order)
    assert first in name


def test_only_gpus_with_a_device_node_are_there(machine: Machine) -> None:
    (machine.root / "dev/nvidia0").unlink()
    seen = run(machine, "start()\nshow([call('cuDeviceGetCount'), call('cuDeviceGetUuid', 0).bytes.hex()])")
    assert seen == [1, machine.gpus[1].uuid.removeprefix("GPU-").replace("-", "")]


def test_without_a_state_there_is_no_driver(machine: Machine) -> None:
    machine.state.unlink()
    assert run(machine, LIBRARY + "show(library.cuInit(0))") == 100  # CUDA_ERROR_NO_DEVICE


@pytest.mark.parametrize(
    ("offset", "damage"),
    [(0, b"other"), (8, b"\xff"), (12, b"\xff\xff\xff\xff"), (16, b"5" * 32), (92, b"\xff\xff"), (34928, b"G" * 48)],
    ids=["magic", "version", "gpu count", "driver version", "slots seen", "uuid"],
)
def test_a_state_of_another_layout_is_refused(machine: Machine, offset: int, damage: bytes) -> None:
    with machine.state.open("r+b") as state:
        state.seek(offset)
        state.write(damage)
    assert run(machine, LIBRARY + "show(library.cuInit(0))") == 803  # CUDA_ERROR_SYSTEM_DRIVER_MISMATCH


def test_a_truncated_state_is_refused(machine: Machine) -> None:
    os.truncate(machine.state, machine.state.stat().st_size - 1)
    assert run(machine, LIBRARY + "show(library.cuInit(0))") == 803  # CUDA_ERROR_SYSTEM_DRIVER_MISMATCH


# What cuGetProcAddress_v2 answers: (name, CUDA version, flags) -> (result, exported symbol, status).
FOUND, UNKNOWN, TOO_OLD = 0, 1, 2
PER_THREAD = 2
PROC_ADDRESSES: dict[tuple[str, int, int], tuple[int, str | None, int]] = {
    ("cuCtxCreate", 2000, 0): (0, "cuCtxCreate", FOUND),
    ("cuCtxCreate", 3020, 0): (0, "cuCtxCreate_v2", FOUND),
    ("cuCtxCreate", 11030, 0): (0, "cuCtxCreate_v2", FOUND),
    ("cuCtxCreate", 11040, 0): (0, "cuCtxCreate_v3", FOUND),
    ("cuCtxCreate", 13000, 0): (0, "cuCtxCreate_v4", FOUND),
    ("cuMemAlloc", 13000, 0): (0, "cuMemAlloc_v2", FOUND),
    ("cuMemAlloc", 3000, 0): (0, "cuMemAlloc", FOUND),
    ("cuMemAllocManaged", 5050, 0): (0, None, TOO_OLD),
    ("cuMemAlloc_v2", 13000, 0): (0, None, UNKNOWN),
    ("cuNoSuchThing", 13000, 0): (0, None, UNKNOWN),
    ("cuMemAllocAsync", 11010, 0): (0, None, TOO_OLD),
    ("cuMemAllocAsync", 12000, 0): (0, "cuMemAllocAsync", FOUND),
    ("cuMemAllocAsync", 12000, 1): (0, "cuMemAllocAsync", FOUND),
    ("cuMemAllocAsync", 12000, PER_THREAD): (0, "cuMemAllocAsync_ptsz", FOUND),
    ("cuMemcpyHtoD", 6000, PER_THREAD): (0, "cuMemcpyHtoD_v2", FOUND),
    ("cuMemcpyHtoD", 7000, PER_THREAD): (0, "cuMemcpyHtoD_v2_ptds", FOUND),
    ("cuMemFree", 12000, PER_THREAD): (0, "cuMemFree_v2", FOUND),
    ("cuGetProcAddress", 11030, 0): (0, "cuGetProcAddress", FOUND),
    ("cuGetProcAddress", 12000, 0): (0, "cuGetProcAddress_v2", FOUND),
    ("cuMemAlloc", 13010, 0): (1, None, -1),  # newer than the driver
    ("cuMemAlloc", 12000, 4): (1, None, -1),  # no such flag
}


def test_proc_address_by_version_and_flags(machine: Machine) -> None:
    symbols = sorted({symbol for _, symbol, _ in PROC_ADDRESSES.values() if symbol is not None})
    seen = run(
        machine,
        f"""
{LIBRARY}
symbols = {{ctypes.cast(getattr(library, name), ctypes.c_void_p).value: name for name in {symbols}}}
def ask(name, version, flags):
    found, status = ctypes.c_void_p(), ctypes.c_int(-1)
    result = library.cuGetProcAddress_v2(
        name.encode(), ctypes.byref(found), version, ctypes.c_uint64(flags), ctypes.byref(status))
    return [result, symbols.get(found.value), status.value]
show([ask(*asked) for asked in {list(PROC_ADDRESSES)}])
""",
    )
    assert dict(zip(PROC_ADDRESSES, map(tuple, seen), strict=True)) == PROC_ADDRESSES


def test_the_older_proc_address_has_no_status_and_fails_instead(machine: Machine) -> None:
    seen = run(
        machine,
        LIBRARY
        + """
found = ctypes.c_void_p()
ask = lambda name, version: library.cuGetProcAddress(name, ctypes.byref(found), version, ctypes.c_uint64(0))
show([ask(b"cuMemAlloc", 3020), ask(b"cuMemAlloc", 1000), ask(b"cuNoSuchThing", 3020)])
""",
    )
    assert seen == [0, 500, 500]  # CUDA_ERROR_NOT_FOUND


def test_events_are_of_one_context(machine: Machine) -> None:
    seen = run(
        machine,
        """
start()
events = [call("cuEventCreate", 0) for _ in range(2)]
call("cuEventRecord", events[0], 0)
call("cuCtxCreate", None, 0, 0)
stream, other = call("cuStreamCreate", 0), call("cuEventCreate", 0)
call("cuEventRecord", other, stream)
seen = [error_of("cuEventRecord", events[1], stream), error_of("cuEventElapsedTime", events[0], other)]
for _ in range(2):
    call("cuCtxPopCurrent")
seen += [error_of("cuEventQuery", other), error_of("cuEventElapsedTime", other, other)]
show([*seen, error_of("cuEventDestroy", other)])
""",
    )
    foreign, without = "CUDA_ERROR_INVALID_HANDLE", "CUDA_ERROR_INVALID_CONTEXT"
    assert seen == [foreign, foreign, "CUDA_SUCCESS", without, without]


def test_a_green_context_is_one_threads_at_a_time(machine: Machine) -> None:
    program = """
import threading
start()
resource = call("cuDeviceGetDevResource", 0, driver.CUdevResourceType.CU_DEV_RESOURCE_TYPE_SM)
description = call("cuDevResourceGenerateDesc", [resource], 1)
green = call("cuGreenCtxCreate", description, 0, driver.CUgreenCtxCreate_flags.CU_GREEN_CTX_DEFAULT_STREAM)
context = call("cuCtxFromGreenCtx", green)
stream = call("cuGreenCtxStreamCreate", green, 1, 0)
seen = [int(call("cuStreamGetDevice", stream)), int(call("cuStreamGetGreenCtx", stream)) == int(green)]
def use():
    for _ in range(2):
        call("cuCtxPushCurrent", context)
    for _ in range(2):
        call("cuCtxPopCurrent")
thread = threading.Thread(target=use)
thread.start()
thread.join()
use()
show(seen)
"""
    assert run(machine, program) == [0, True]
    crash = """
child = os.fork()
if child != 0:
    show(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os._exit(0)
"""
    to_two = "call('cuCtxPushCurrent', context)\nthread = threading.Thread(target=use)\nthread.start()\nthread.join()\n"
    assert run(machine, crash + program + to_two) == -signal.SIGABRT
