"""Memory that processes share: it counts once, in the process that made it, or in one that has it after that."""

from typing import Any

import pytest

from tests.unit.vgpu.container import CUDA, GIB, MIB, OUT_OF_MEMORY, Container

# What every process starts with. Sizes are in MiB. OTHER is the program of a second process, which is given the name of
# what is shared as its argument, answers with a line of JSON, and lives until its input ends.
COMMON = (
    CUDA
    + f"""
import ctypes, json, subprocess, sys

MIB = {MIB}
FD = cuda.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR

def used():
    _, free, total = cuda.cuMemGetInfo()
    return (total - free) // MIB

def allocated(megabytes):
    return int(cuda.cuMemAlloc(megabytes * MIB)[0])

def create(megabytes):
    properties = cuda.CUmemAllocationProp()
    properties.type = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    properties.requestedHandleTypes = FD
    properties.location.type = cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    return call("cuMemCreate", megabytes * MIB, properties, 0)

def exported(handle):
    return int(call("cuMemExportToShareableHandle", handle, FD, 0))

def imported(descriptor):
    return call("cuMemImportFromShareableHandle", int(descriptor), FD)

def mapped(handle, megabytes):
    address = int(call("cuMemAddressReserve", megabytes * MIB, 0, 0, 0))
    call("cuMemMap", address, megabytes * MIB, 0, handle, 0)
    access = cuda.CUmemAccessDesc()
    access.location.type = cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    access.flags = cuda.CUmemAccess_flags.CU_MEM_ACCESS_FLAGS_PROT_READWRITE
    call("cuMemSetAccess", address, megabytes * MIB, [access], 1)
    return address

def answer(value):
    print(json.dumps(value), flush=True)

def start():
    call("cuInit", 0)
    call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
"""
)

FIRST = """
class Other:
    def __init__(self, name, *descriptors):
        command = [sys.executable, "-c", COMMON + "start()" + OTHER, str(name)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=descriptors)

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def tell(self):
        self.process.stdin.write("go on\\n")
        self.process.stdin.flush()

    def go_on(self):
        self.tell()
        return self.answer()

    def end(self):
        self.process.communicate()

start()
seen = []
"""
SHOW = "\nprint(json.dumps(seen))\n"

IMPORTS = """
address = mapped(imported(sys.argv[1]), 600)
"""


def _seen(container: Container, program: str, other: str = "") -> Any:
    constants = f"COMMON, OTHER = {COMMON!r}, {other!r}\n"
    return container.python(constants + COMMON + FIRST + program + SHOW)


def test_imported_memory_counts_once(container: Container) -> None:
    container.grant(0, GIB)
    other = IMPORTS + "answer([used(), allocated(425), allocated(424), used()]); sys.stdin.readline()"
    program = """
handle = create(600)
call("cuMemsetD8", mapped(handle, 600), 7, 600 * MIB)
descriptor = exported(handle)
other = Other(descriptor, descriptor)
seen += [other.answer(), used()]
other.end()
seen.append(allocated(424))
"""
    assert _seen(container, program, other) == [[600, OUT_OF_MEMORY, 0, 1024], 1024, 0]


def test_memory_of_an_opened_handle_counts_once(container: Container) -> None:
    container.grant(0, GIB)
    other = """
handle = cuda.CUipcMemHandle()
ctypes.memmove(handle.getPtr(), bytes.fromhex(sys.argv[1]), 64)
address = call("cuIpcOpenMemHandle", handle, 1)
seen = [used(), allocated(425), allocated(424)]
call("cuIpcCloseMemHandle", address)
answer([*seen, used()])
sys.stdin.readline()
"""
    program = """
handle = call("cuIpcGetMemHandle", call("cuMemAlloc", 600 * MIB))
other = Other(ctypes.string_at(handle.getPtr(), 64).hex())
seen.append(other.answer())
other.end()
seen.append(used())
"""
    assert _seen(container, program, other) == [[600, OUT_OF_MEMORY, 0, 1024], 600]


def test_an_import_gives_back_nothing(container: Container) -> None:
    container.grant(0, GIB)
    other = """
handle = imported(sys.argv[1])
address = mapped(handle, 600)
call("cuMemUnmap", address, 600 * MIB)
call("cuMemRelease", handle)
answer([used(), int(cuda.cuMemRelease(handle)[0]) != 0])
"""
    program = """
descriptor = exported(create(600))
other = Other(descriptor, descriptor)
seen += [other.answer(), used()]
other.end()
"""
    assert _seen(container, program, other) == [[600, True], 600]


def test_what_its_maker_lets_go_of_counts_in_one_that_still_has_it(container: Container) -> None:
    """As of a look at the memory soon, until it is let go of there too."""
    container.grant(0, GIB)
    other = """
handle = imported(sys.argv[1])
address = mapped(handle, 600)
answer(used())
sys.stdin.readline()
while used() == 0:
    pass
answer([used(), allocated(425), allocated(424), used()])
sys.stdin.readline()
call("cuMemRelease", handle)
seen = [used()]
call("cuMemUnmap", address, 600 * MIB)
answer([*seen, used()])
sys.stdin.readline()
"""
    program = """
handle = create(600)
descriptor = exported(handle)
other = Other(descriptor, descriptor)
seen.append(other.answer())
call("cuMemRelease", handle)
seen += [used(), other.go_on(), used(), other.go_on()]
other.end()
"""
    assert _seen(container, program, other) == [600, 0, [600, OUT_OF_MEMORY, 0, 1024], 1024, [1024, 424]]


@pytest.mark.parametrize("wait", [["cuCtxSynchronize"], ["cuStreamSynchronize", None]], ids=lambda wait: wait[0])
def test_it_counts_too_in_one_that_only_waits_for_its_work(container: Container, wait: list[Any]) -> None:
    container.grant(0, GIB)
    other = f"""
import select
mapped(imported(sys.argv[1]), 600)
answer("ready")
while not select.select([sys.stdin], [], [], 0)[0]:
    call(*{wait})
"""
    program = """
handle = create(600)
descriptor = exported(handle)
other = Other(descriptor, descriptor)
other.answer()
call("cuMemRelease", handle)
while used() == 0:
    pass
seen.append(used())
other.end()
"""
    assert _seen(container, program, other) == [600]


def test_what_its_maker_lets_go_of_counts_once_however_many_still_have_it(container: Container) -> None:
    """Which of them has it in its account is the driver's choice; when that one ends, it is another."""
    container.grant(0, GIB)
    other = """
address = mapped(imported(sys.argv[1]), 600)
answer("ready")
while sys.stdin.readline():
    while used() == 0:
        pass
    answer([used(), allocated(425)])
"""
    program = """
def sweep(): # else the next may take what is still in the dead one's account for the heir's
    result, address = cuda.cuMemAlloc(425 * MIB)
    if result == 0:
        call("cuMemFree", address)
handle = create(600)
descriptor = exported(handle)
others = [Other(descriptor, descriptor) for _ in range(3)]
for other in others:
    other.answer()
call("cuMemRelease", handle)
while others:
    for other in others:
        other.tell()
    seen.append([other.answer() for other in others])
    others.pop(0).end()
    sweep()
seen.append(used())
"""
    counted = [600, OUT_OF_MEMORY]
    assert _seen(container, program, other) == [[counted] * 3, [counted] * 2, [counted], 0]


def test_memory_of_an_opened_handle_counts_where_its_maker_has_ended(container: Container) -> None:
    container.grant(0, GIB)
    other = """
handle = call("cuIpcGetMemHandle", call("cuMemAlloc", 600 * MIB))
answer(ctypes.string_at(handle.getPtr(), 64).hex())
sys.stdin.readline()
"""
    program = """
other = Other("")
handle = cuda.CUipcMemHandle()
ctypes.memmove(handle.getPtr(), bytes.fromhex(other.answer()), 64)
address = call("cuIpcOpenMemHandle", handle, 1)
other.end()
while used() == 0:
    pass
seen += [used(), allocated(425)]
call("cuIpcCloseMemHandle", address)
seen.append(used())
"""
    assert _seen(container, program, other) == [600, OUT_OF_MEMORY, 0]


def test_a_process_that_imports_its_own_memory_counts_it_once_and_until_it_lets_go_of_it(container: Container) -> None:
    container.grant(0, GIB)
    program = """
handle = create(600)
again = imported(exported(handle))
seen.append(used())
call("cuMemRelease", handle)
seen.append(used())
address = mapped(again, 600)
call("cuMemRelease", again)
seen.append(used())
call("cuMemUnmap", address, 600 * MIB)
seen.append(used())
"""
    assert _seen(container, program) == [600, 600, 600, 0]
