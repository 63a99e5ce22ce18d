"""A stream that waits for what another thread is still to launch: it gets on only if that thread can launch it.

The driver itself holds up who launches into such a stream once 1,024 things are in it that are not done.
"""

import pytest
from msgspec.structs import replace

from hami_dra.shares import read_gpu_time
from tests.native.held_up import HELD_UP
from tests.unit.vgpu.container import CUDA, GIB, Container, preload

PROGRAM = (
    CUDA
    + HELD_UP
    + """
import ctypes, json, os, threading

PTX = b'.version 8.0\\n.target sm_80\\n.address_size 64\\n' \\
      b'.visible .entry long() { .pragma "hami-sim cost=300000000"; ret; }\\n' \\
      b'.visible .entry short() { .pragma "hami-sim cost=1000"; ret; }\\n' \\
      b'.visible .entry new() { .pragma "hami-sim cost=1000"; ret; }\\n'
DEPTH, NON_BLOCKING = 1024, 1
call("cuInit", 0)
primary = call("cuDevicePrimaryCtxRetain", 0)
call("cuCtxSetCurrent", primary)
module = call("cuModuleLoadData", PTX)
long, short, new = (call("cuModuleGetFunction", module, name) for name in (b"long", b"short", b"new"))
stream, other = call("cuStreamCreate", NON_BLOCKING), call("cuStreamCreate", NON_BLOCKING)

def launch(kernel, stream):
    call("cuLaunchKernel", kernel, 1, 1, 1, 32, 1, 1, 0, stream, 0, 0)

def launch_and_wait(kernel, stream):
    launch(kernel, stream)
    call("cuStreamSynchronize", stream)

def begin(act, *arguments):
    def run():
        call("cuCtxSetCurrent", primary)
        act(*arguments)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread

may_go_on = threading.Event()
wait = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: may_go_on.wait())

def have_it_wait():
    # The stream waits for the program.
    call("cuLaunchHostFunc", stream, cuda.CUhostFn(ctypes.cast(wait, ctypes.c_void_p).value), 0)

def fill(places):
    # Leave so many places of those of a stream that waits.
    event = call("cuEventCreate", 0)
    for _ in range(DEPTH - 1 - places):
        call("cuEventRecord", event, stream)

def fill_up():
    event = call("cuEventCreate", 0)
    while not may_go_on.is_set():
        call("cuEventRecord", event, stream)

def go_on_after(thread):
    # Whether the thread ends, and then those that are held up.
    thread.join(20)
    ended = not thread.is_alive()
    may_go_on.set()
    return ended

def end(*values):
    print(json.dumps(values), flush=True)
    os._exit(0)  # threads may still be in calls of the driver
"""
)

# The first of our events, the program's launch, and the event behind it each take a place.
LAUNCH = """
have_it_wait()
fill({places})
held = begin(launch, short, stream)
is_held = held_up(held)
ended = go_on_after(begin(launch_and_wait, short, other))
held.join(20)
end(is_held, ended, not held.is_alive())
"""


@pytest.mark.parametrize("places", [0, 1, 2])
def test_a_launch_into_a_full_stream_holds_up_no_other(container: Container, places: int) -> None:
    container.grant(0, GIB)
    assert container.python(PROGRAM + LAUNCH.format(places=places)) == [True, True, True]


def test_so_it_is_without_a_limit(container: Container) -> None:
    assert container.python(PROGRAM + LAUNCH.format(places=0), LD_PRELOAD=preload()) == [True, True, True]


def test_neither_does_one_that_waits_for_the_gpu(container: Container) -> None:
    """It marks how far its stream has got, for which there is no place."""
    container.grant(0, GIB)
    marking = """
for _ in range(20):
    launch_and_wait(short, stream)
have_it_wait()
launch(new, stream)  # between two events: what it takes nobody knows
for _ in range(3):
    launch(short, stream)  # without asking
filling = begin(fill_up)
is_full = held_up(filling)
launch_and_wait(long, other)  # from here on the share owes time
held = begin(launch, new, stream)
is_held = held_up(held)
ended = go_on_after(begin(launch_and_wait, short, other))
filling.join(20)
held.join(20)
end(is_full, is_held, ended, not filling.is_alive(), not held.is_alive())
"""
    assert container.python(PROGRAM + marking) == [True] * 5


def test_a_held_up_launch_is_measured_whatever_is_launched_meanwhile(container: Container) -> None:
    """There are more streams than are kept apart; its own is still its. If the turn ended, half of it is believed."""
    share = replace(container.grant(0, GIB), cores=95)
    container.write(share)
    crowd = """
have_it_wait()
fill(places=1)
held = begin(launch, long, stream)
is_held = held_up(held)
streams = [call("cuStreamCreate", NON_BLOCKING) for _ in range(40)]
def launch_into_all():
    for each in streams:
        launch(short, each)
    for each in streams:
        call("cuStreamSynchronize", each)
ended = go_on_after(begin(launch_into_all))
held.join(20)
call("cuStreamSynchronize", stream)
for _ in range(20):
    launch_and_wait(short, other)
end(is_held, ended, not held.is_alive())
"""
    assert container.python(PROGRAM + crowd) == [True, True, True]
    assert read_gpu_time(container.folder(share) / "region") / 1e9 > 0.14


def test_a_context_may_end_while_a_launch_is_held_up(container: Container) -> None:
    """It takes no event of the launch's along, and those that are set later are as good as before."""
    share = container.grant(0, GIB)
    ending = """
have_it_wait()
fill(places=1)
held = begin(launch, short, stream)
is_held = held_up(held)
ended = go_on_after(begin(lambda: call("cuCtxDestroy", call("cuCtxCreate", None, 0, 0))))
held.join(20)
for _ in range(2):
    launch_and_wait(long, stream)
end(is_held, ended, not held.is_alive())
"""
    assert container.python(PROGRAM + ending) == [True, True, True]
    assert read_gpu_time(container.folder(share) / "region") / 1e9 > 0.29


def test_memory_can_be_had_while_one_that_frees_some_is_held_up(container: Container) -> None:
    """What is freed in a stream's order is marked by an event too."""
    container.grant(0, GIB)
    freeing = """
def used():
    _, free, total = cuda.cuMemGetInfo()
    return total - free

size, before = 1 << 20, used()
address = call("cuMemAlloc", size)
have_it_wait()
fill(places=0)
held = begin(call, "cuMemFreeAsync", address, stream)
is_held = held_up(held)
def use_memory():
    call("cuMemFreeAsync", call("cuMemAlloc", size), other)
    call("cuMemFreeAsync", call("cuMemAllocAsync", size, other), other)
    call("cuStreamSynchronize", other)
ended = go_on_after(begin(use_memory))
held.join(20)
call("cuStreamSynchronize", stream)
end(is_held, ended, not held.is_alive(), used() == before)
"""
    assert container.python(PROGRAM + freeing) == [True] * 4


def test_what_waits_and_is_of_unknown_cost_keeps_no_turn_from_ending(container: Container) -> None:
    container.grant(0, GIB)
    unknown = """
have_it_wait()
launch(new, stream)
launch_and_wait(long, other)  # from here on the share owes time
end(go_on_after(begin(launch_and_wait, short, other)))
"""
    assert container.python(PROGRAM + unknown) == [True]


def test_what_waits_is_no_work_that_the_share_has_to_have_time_for(container: Container) -> None:
    """It would take more than a share can ever save."""
    container.grant(0, GIB)
    known = """
launch_and_wait(long, other)
have_it_wait()
for _ in range(2):
    launch(long, stream)
end(go_on_after(begin(launch_and_wait, short, other)))
"""
    assert container.python(PROGRAM + known) == [True]
