"""The entry points of CUDA 2, whose addresses and sizes have 32 bits, and calls on another context's stream."""

from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, Container

# Old programs find these functions with dlsym: cuda-bindings no longer offers them.
PROGRAM = """
import ctypes, json
from ctypes import byref, c_uint, c_uint64, c_void_p

cuda = ctypes.CDLL("libcuda.so.1")
seen = []

def call(name, *arguments):
    assert getattr(cuda, name)(*arguments) == 0, name

def context_on(device):
    context = c_void_p()
    call("cuCtxCreate_v2", byref(context), 0, device)
    return context

def info():
    free, total = c_uint(), c_uint()
    call("cuMemGetInfo", byref(free), byref(total))
    return [free.value, total.value]

def total(device=0):
    bytes = c_uint()
    call("cuDeviceTotalMem", byref(bytes), device)
    return bytes.value

call("cuInit", 0)
"""
SHOW = "\nprint(json.dumps(seen))\n"


def test_memory_with_32_bit_addresses_counts(container: Container) -> None:
    container.grant(0, GIB)
    program = f"""
context_on(0)
address, pitch = c_uint(), c_uint()
call("cuMemAlloc", byref(address), {GIB} - 1024 * 1024)
seen.append(info())
seen.append(cuda.cuMemAllocPitch(byref(c_uint()), byref(pitch), 1000, 1025, 4))
pitched = c_uint()
call("cuMemAllocPitch", byref(pitched), byref(pitch), 1000, 1024, 4)
seen += [pitch.value, info(), cuda.cuMemAlloc(byref(c_uint()), 512)]
call("cuMemFree", address)
call("cuMemFree", pitched)
seen += [cuda.cuMemFree(pitched) != 0, info(), total()]
"""
    full, empty = [0, GIB], [GIB, GIB]
    seen = container.python(PROGRAM + program + SHOW)
    assert seen == [[MIB, GIB], OUT_OF_MEMORY, 1024, full, OUT_OF_MEMORY, True, empty, GIB]
    assert container.used_on(0) == 0


def test_memory_with_32_bit_addresses_goes_with_its_context(container: Container) -> None:
    container.grant(0, GIB)
    program = f"""
first, second = context_on(0), context_on(0)
call("cuMemAlloc", byref(c_uint()), {MIB})
call("cuCtxSetCurrent", first)
call("cuMemAlloc", byref(c_uint()), 2 * {MIB})
call("cuCtxDestroy_v2", second)
seen.append(info())
"""
    assert container.python(PROGRAM + program + SHOW) == [[GIB - 2 * MIB, GIB]]


def test_what_32_bits_cannot_hold_is_shown_as_their_most(container: Container) -> None:
    container.grant(0, 6 * GIB)
    program = """
context_on(0)
seen += [info(), total(), total(1)]
"""
    most = 2**32 - 1
    assert container.python(PROGRAM + program + SHOW) == [[most, most], most, most]


def test_a_stream_allocates_on_its_own_contexts_gpu(container: Container) -> None:
    """Whichever context is current."""
    container.grant(0, GIB)
    container.grant(1, GIB)
    program = f"""
stream, address = c_void_p(), c_uint64()
theirs = context_on(1)
call("cuStreamCreate", byref(stream), 0)
context_on(0)
call("cuMemAllocAsync", byref(address), c_uint64({GIB}), stream)
seen += [info(), cuda.cuMemAllocAsync(byref(c_uint64()), c_uint64(512), stream)]
call("cuMemAllocAsync", byref(c_uint64()), c_uint64(2 * {MIB}), None)
seen.append(info())
call("cuMemFreeAsync", address, stream)
call("cuStreamSynchronize", stream)
call("cuCtxSetCurrent", theirs)
seen.append(info())
"""
    seen = container.python(PROGRAM + program + SHOW)
    assert seen == [[GIB, GIB], OUT_OF_MEMORY, [GIB - 2 * MIB, GIB], [GIB, GIB]]
