"""What is freed in the order of a stream counts until the stream has come to it, as the driver keeps it until then."""

from typing import Any

import pytest

from tests.unit.vgpu.container import Container
from tests.unit.vgpu.tiles import TILES, noted_in_share

# What each program starts with. Sizes are in chunks of 2 MiB, of which the share has 512. The stream is held from
# hold() until go(). see() notes what the program is shown, look() what the share's accounts say meanwhile.
PROGRAM = (
    TILES
    + """
import ctypes, os, pathlib, threading
from hami_dra.shares.region import read_use

library = ctypes.CDLL("libcuda.so.1")
library.cuMemFreeAsync_ptsz.argtypes = [ctypes.c_uint64, ctypes.c_void_p]
stream = call("cuStreamCreate", 1)
gate = threading.Event()
wait = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: gate.wait())

def hold(held=stream):
    call("cuLaunchHostFunc", held, cuda.CUhostFn(ctypes.cast(wait, ctypes.c_void_p).value), 0)

def reach(held=stream):
    while cuda.cuStreamQuery(held)[0] != 0:
        pass

def go(held=stream):
    gate.set()
    reach(held)

def take(chunks):
    return call("cuMemAlloc", chunks * CHUNK)

def fits(chunks):
    return not failed("cuMemAlloc", chunks * CHUNK)

def look():
    regions = pathlib.Path(os.environ["HAMI_DRA_SHARES"]).glob("*/region")
    seen.append(sum(use.used for region in regions for use in read_use(region)) / CHUNK)
"""
)


def _seen(container: Container, program: str) -> Any:
    return noted_in_share(container, PROGRAM + program)


def test_memory_counts_until_the_stream_has_come_to_its_end(container: Container) -> None:
    program = """
freed = take(300)
hold()
call("cuMemFreeAsync", freed, stream)
see()
seen.append(fits(213))
seen.append(fits(212))
go()
see()
"""
    assert _seen(container, program) == [300, False, True, 212]


def test_what_a_stream_has_come_to_makes_room_for_what_would_be_refused(container: Container) -> None:
    """Also where the program has waited for nothing and looked at nothing since."""
    program = """
freed = take(500)
hold()
call("cuMemFreeAsync", freed, stream)
go()
look()
seen.append(fits(512))
"""
    assert _seen(container, program) == [500, True]


def test_nobody_gets_more_than_the_limit_by_freeing_behind_what_does_not_end(container: Container) -> None:
    program = """
hold()
def take_and_free():
    result, address = cuda.cuMemAlloc(100 * CHUNK)
    if result == 0:
        call("cuMemFreeAsync", address, stream)
    return result == 0
seen = [take_and_free() for _ in range(10)]
go()
seen += [take_and_free()]
"""
    assert _seen(container, program) == [True] * 5 + [False] * 5 + [True]


@pytest.mark.parametrize(
    "waits", ['"cuStreamSynchronize", stream', '"cuCtxSynchronize"', '"cuEventSynchronize", event']
)
def test_a_program_that_has_waited_has_given_back(container: Container, waits: str) -> None:
    """At once: another process of the share may need it."""
    program = f"""
freed = take(100)
hold()
call("cuMemFreeAsync", freed, stream)
event = call("cuEventCreate", 0)
call("cuEventRecord", event, stream)
look()
gate.set()
call({waits})
look()
"""
    assert _seen(container, program) == [100, 0]


def test_streams_are_told_apart(container: Container) -> None:
    """A wait for another one says nothing of this; nor do default streams, of which threads have one each."""
    program = """
other, legacy = call("cuStreamCreate", 1), cuda.CUstream(1)
pieces = [take(2 ** i) for i in range(4)]
hold()
call("cuMemFreeAsync", pieces[0], stream)
call("cuMemFreeAsync", pieces[1], other)
call("cuMemFreeAsync", pieces[2], 0)
assert library.cuMemFreeAsync_ptsz(int(pieces[3]), None) == 0
call("cuStreamSynchronize", other)
look()
go()
see()
"""
    assert _seen(container, program) == [1, 0]


def test_the_variant_for_threads_own_streams_waits_for_these(container: Container) -> None:
    program = """
own = cuda.CUstream(2)
freed = take(7)
hold(own)
assert library.cuMemFreeAsync_ptsz(int(freed), None) == 0
see()
go(own)
see()
"""
    assert _seen(container, program) == [7, 0]


def test_what_the_driver_refuses_to_free_counts_on(container: Container) -> None:
    """Such as memory of cuMemAlloc while the stream is captured, which frees only what graphs allocate."""
    program = """
kept = take(5)
call("cuStreamBeginCapture", stream, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
seen.append(failed("cuMemFreeAsync", kept, stream))
cuda.cuStreamEndCapture(stream)
see()
call("cuMemFree", kept)
see()
"""
    assert _seen(container, program) == [True, 5, 0]


def test_a_capture_goes_on_while_memory_is_looked_at(container: Container) -> None:
    program = """
captured = call("cuStreamCreate", 1)
freed = take(5)
hold()
call("cuMemFreeAsync", freed, stream)
go()
call("cuStreamBeginCapture", captured, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL)
see()
call("cuStreamEndCapture", captured)
"""
    assert _seen(container, program) == [0]


def test_an_array_lets_go_of_memory_when_the_stream_has_come_to_it(container: Container) -> None:
    """Of what is unmapped, and of what something else takes the place of."""
    program = """
array = call("cuArray3DCreate", shape(512, 128))
mapped(8, array, (0, 0, 0), (512, 128, 1))
mapped(4, array, (128, 0, 0), (256, 128, 1))
see()
hold()
memory = tiled(1)
call("cuMemMapArrayAsync", [part(array, (256, 0, 0), (128, 128, 1), memory)], 1, stream)
call("cuMemRelease", memory)
call("cuMemMapArrayAsync", [part(array, (128, 0, 0), (128, 128, 1)), part(array)], 2, stream)
see()
go()
see()
call("cuArrayDestroy", array)
see()
"""
    assert _seen(container, program) == [12, 13, 9, 0]
    assert container.used_on(0) == 0


def test_a_context_that_ends_gives_back_its_own_and_no_other(container: Container) -> None:
    program = """
freed = take(1)
hold()
call("cuMemFreeAsync", freed, stream)
context = call("cuCtxCreate", None, 0, 0)
call("cuMemFreeAsync", take(2), call("cuStreamCreate", 1))
look()
call("cuCtxDestroy", context)
look()
seen.append(failed("cuCtxDestroy", context))
call("cuCtxSetCurrent", primary)
see()
go()
see()
call("cuMemFreeAsync", take(4), 0)
call("cuDevicePrimaryCtxReset", 0)
look()
"""
    assert _seen(container, program) == [3, 1, True, 1, 0, 0]


def test_many_pieces_that_wait_for_one_kernel_all_come_back(container: Container) -> None:
    program = """
pieces = [take(1) for _ in range(500)]
hold()
for piece in pieces:
    call("cuMemFreeAsync", piece, stream)
see()
go()
see()
for _ in range(10000):
    call("cuMemFreeAsync", take(1), stream)
seen.append(fits(512))
"""
    assert _seen(container, program) == [500, 0, True]


def test_a_stream_that_has_ended_still_comes_to_what_is_in_it(container: Container) -> None:
    program = """
freed = take(3)
hold()
call("cuMemFreeAsync", freed, stream)
call("cuStreamDestroy", stream)
see()
gate.set()
call("cuCtxSynchronize")
see()
"""
    assert _seen(container, program) == [3, 0]


def test_it_belongs_to_the_gpu_of_the_memory(container: Container) -> None:
    """Whatever context is current, and where the stream is in a green one too."""
    container.grant(1, 1 << 30)
    program = """
freed = take(3)
hold()
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
call("cuMemFreeAsync", freed, stream)
see()
call("cuCtxSetCurrent", primary)
see()
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
go()
call("cuCtxSetCurrent", primary)
see()
"""
    assert _seen(container, program) == [0, 3, 0]


def test_memory_of_a_gpu_without_a_share_is_left_alone(container: Container) -> None:
    program = """
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
stream = call("cuStreamCreate", 1)
freed = take(3)
hold(stream)
call("cuMemFreeAsync", freed, stream)
look()
go(stream)
call("cuCtxSynchronize")
"""
    assert _seen(container, program) == [0]
    assert container.used_on(1) == 0


def test_threads_that_free_look_and_end_contexts_at_once(container: Container) -> None:
    program = """
ended = threading.Event()
def free_and_look(context=primary):
    call("cuCtxSetCurrent", context)
    own = call("cuStreamCreate", 1)
    while not ended.is_set():
        call("cuMemFreeAsync", take(1), own)
        used()
    call("cuStreamSynchronize", own)
threads = [threading.Thread(target=free_and_look) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(200):
    context = call("cuCtxCreate", None, 0, 0)
    call("cuMemFreeAsync", take(1), 0)
    call("cuCtxDestroy", context)
call("cuCtxSetCurrent", primary)
ended.set()
for thread in threads:
    thread.join()
look()
"""
    assert _seen(container, program) == [0]
    assert container.used_on(0) == 0
