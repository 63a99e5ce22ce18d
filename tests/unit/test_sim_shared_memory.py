"""Memory of the simulated GPU that processes share: there once, as long as one of them has it."""

from pathlib import Path
from typing import Any

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import PRELUDE, run

GIB = 2**30

# Sizes are in GiB. The program of the second process is in OTHER: it says when it is ready, and lives until its input
# ends.
COMMON = """
import ctypes, subprocess

FD = driver.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR

def used():
    available, total = call("cuMemGetInfo")
    return (total - available) // GIB

def create(size):
    properties = driver.CUmemAllocationProp()
    properties.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    properties.requestedHandleTypes = FD
    properties.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    return call("cuMemCreate", size * GIB, properties, 0)

def mapped(handle, size):
    address = int(call("cuMemAddressReserve", size * GIB, 0, 0, 0))
    call("cuMemMap", address, size * GIB, 0, handle, 0)
    access = driver.CUmemAccessDesc()
    access.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    access.flags = driver.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
    call("cuMemSetAccess", address, size * GIB, [access], 1)
    return address

def byte_at(address):
    content = bytearray(1)
    call("cuMemcpyDtoH", content, address, 1)
    return content[0]

start()
"""
FIRST = """
def other(name, *descriptors):
    process = subprocess.Popen([sys.executable, "-c", OTHER, str(name)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=descriptors)
    assert process.stdout.readline() == "ready\\n"
    return process

def end(process):
    process.communicate()
"""
READY = """
print("ready", flush=True)
sys.stdin.readline()
"""
IMPORTS = """
address = mapped(call("cuMemImportFromShareableHandle", int(sys.argv[1]), FD), 6)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB))


def _seen(machine: Machine, program: str, other: str = "") -> Any:
    return run(machine, f"OTHER = {PRELUDE + COMMON + other + READY!r}\n" + COMMON + FIRST + program)


def test_exported_memory_has_the_same_bytes_in_both_processes_and_is_there_once(machine: Machine) -> None:
    program = """
handle = create(6)
address = mapped(handle, 6)
call("cuMemsetD8", address, 7, 1)
descriptor = call("cuMemExportToShareableHandle", handle, FD, 0)
process = other(descriptor, descriptor)
seen = [byte_at(address), used(), error_of("cuMemAlloc", 11 * GIB)]
call("cuMemFree", call("cuMemAlloc", 10 * GIB))
end(process)
call("cuMemRelease", handle)
seen.append(used())
call("cuMemUnmap", address, 6 * GIB)
show([*seen, used()])
"""
    seen = _seen(machine, program, IMPORTS + 'call("cuMemsetD8", address, byte_at(address) + 1, 1)')
    assert seen == [8, 6, "CUDA_ERROR_OUT_OF_MEMORY", 6, 0]


def test_memory_outlives_its_maker_until_the_last_importer_ends(machine: Machine) -> None:
    program = """
handle = create(6)
descriptor = call("cuMemExportToShareableHandle", handle, FD, 0)
processes = [other(descriptor, descriptor) for _ in range(2)]
call("cuMemRelease", handle)
seen = [used()]
processes[0].kill()
end(processes[0])
seen.append(used())
processes[1].kill()
end(processes[1])
seen += [used(), error_of("cuMemImportFromShareableHandle", descriptor, FD)]
call("cuMemAlloc", 16 * GIB)
show(seen)
"""
    assert _seen(machine, program, IMPORTS) == [6, 6, 0, "CUDA_ERROR_INVALID_VALUE"]


def test_a_memory_handle_gives_the_same_bytes_which_are_there_once(machine: Machine) -> None:
    other = """
handle = driver.CUipcMemHandle()
ctypes.memmove(handle.getPtr(), bytes.fromhex(sys.argv[1]), 64)
address = call("cuIpcOpenMemHandle", handle, 1)
call("cuMemsetD8", address, byte_at(address) + 1, 1)
"""
    program = """
address = call("cuMemAlloc", GIB)
call("cuMemsetD8", address, 7, 1)
handle = call("cuIpcGetMemHandle", address)
process = other(ctypes.string_at(handle.getPtr(), 64).hex())
seen = [byte_at(address), used(), error_of("cuIpcOpenMemHandle", handle, 1)]
call("cuMemFree", address)
seen.append(used())
end(process)
show([*seen, used(), error_of("cuIpcGetMemHandle", address), error_of("cuIpcCloseMemHandle", address)])
"""
    invalid = "CUDA_ERROR_INVALID_VALUE"
    assert _seen(machine, program, other) == [8, 1, "CUDA_ERROR_INVALID_CONTEXT", 1, 0, invalid, invalid]


def test_what_is_no_shared_memory_is_refused(machine: Machine) -> None:
    program = """
properties = driver.CUmemAllocationProp()
properties.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
properties.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
private = call("cuMemCreate", GIB, properties, 0)
show([
    error_of("cuMemExportToShareableHandle", private, FD, 0),
    error_of("cuMemImportFromShareableHandle", os.open("/dev/null", os.O_RDWR), FD),
    error_of("cuMemImportFromShareableHandle", os.open(sys.executable, os.O_RDONLY), FD),
    error_of("cuMemImportFromShareableHandle", 999, FD),
])
"""
    assert _seen(machine, program) == 4 * ["CUDA_ERROR_INVALID_VALUE"]


def test_nvml_has_it_with_its_maker_and_then_with_one_of_those_that_still_have_it(machine: Machine) -> None:
    """As NVIDIA's kernel module does."""
    program = """
import pynvml
pynvml.nvmlInit()
def shown(*processes):
    rows = pynvml.nvmlDeviceGetComputeRunningProcesses(pynvml.nvmlDeviceGetHandleByIndex(0))
    used = {row.pid: row.usedGpuMemory // GIB for row in rows}
    return [used.get(os.getpid()), *(used.get(process.pid) for process in processes)]
handle = create(6)
seen = [shown()]
descriptor = call("cuMemExportToShareableHandle", handle, FD, 0)
processes = [other(descriptor, descriptor) for _ in range(2)]
seen.append(shown(*processes))
call("cuMemRelease", handle)
first, *both = shown(*processes)
seen += [first, sorted(both)]
end(processes.pop(both.index(6)))
show([*seen, shown(*processes)])
"""
    assert _seen(machine, program, IMPORTS) == [[6], [6, 0, 0], 0, [0, 6], [0, 6]]
