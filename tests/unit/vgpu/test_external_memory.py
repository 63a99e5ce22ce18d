"""Memory of other programming interfaces: it counts while it is imported."""

from tests.unit.vgpu.container import CUDA, GIB, MIB, OUT_OF_MEMORY, Container

PROGRAM = (
    CUDA
    + f"""
import json, os

MIB = {MIB}

def used():
    _, free, total = cuda.cuMemGetInfo()
    return (total - free) // MIB

def described(megabytes, fd=None):
    description = cuda.CUDA_EXTERNAL_MEMORY_HANDLE_DESC()
    description.type = cuda.CUexternalMemoryHandleType.CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD
    description.handle.fd = os.open("/dev/zero", os.O_RDWR) if fd is None else fd
    description.size = megabytes * MIB
    return description

call("cuInit", 0)
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
seen = []
"""
)
SHOW = "\nprint(json.dumps(seen))\n"


def test_imported_memory_counts_until_it_is_let_go(container: Container) -> None:
    container.grant(0, GIB)
    program = """
memory = call("cuImportExternalMemory", described(1000))
seen.append(used())
seen.append(int(cuda.cuImportExternalMemory(described(25))[0]))
other = call("cuImportExternalMemory", described(24))
seen += [used(), int(cuda.cuMemAlloc(1)[0])]
call("cuDestroyExternalMemory", memory)
seen.append(used())
call("cuDestroyExternalMemory", other)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [1000, OUT_OF_MEMORY, 1024, OUT_OF_MEMORY, 24, 0]


def test_an_import_that_the_driver_refuses_counts_nothing(container: Container) -> None:
    container.grant(0, 32 * GIB)  # more than the GPU has
    program = """
for description in described(1, fd=-1), described(0), described(17 << 10):
    assert cuda.cuImportExternalMemory(description)[0] != 0
assert cuda.cuDestroyExternalMemory(0)[0] != 0
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [0]


def test_imported_memory_outlives_other_contexts(container: Container) -> None:
    container.grant(0, GIB)
    program = """
memory = call("cuImportExternalMemory", described(3))
primary = call("cuCtxGetCurrent")
call("cuCtxDestroy", call("cuCtxCreate", None, 0, 0))
call("cuCtxSetCurrent", primary)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [3]


def test_imported_memory_goes_with_its_context(container: Container) -> None:
    container.grant(0, GIB)
    program = """
primary = call("cuCtxGetCurrent")
context = call("cuCtxCreate", None, 0, 0)
call("cuImportExternalMemory", described(3))
seen.append(used())
call("cuCtxDestroy", context)
call("cuCtxSetCurrent", primary)
seen.append(used())
"""
    assert container.python(PROGRAM + program + SHOW) == [3, 0]
