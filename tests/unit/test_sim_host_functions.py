"""Functions of the host that the simulated driver calls in the order of a stream."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.held_up import HELD_UP
from tests.native.sim.client import run
from tests.native.sim.kernels import KERNELS

HOST_FUNCTIONS = (
    KERNELS
    + """
import threading
start(); load()
library = ctypes.CDLL("libcuda.so.1")
HostFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
called, kept = [], []

def host(act, stream=0):
    # Have something done in the order of a stream.
    function = HostFunction(lambda data: act())
    kept.append(function)
    assert library.cuLaunchHostFunc(ctypes.c_void_p(int(stream)), function, None) == 0

def ready(stream=0):
    return error_of("cuStreamQuery", stream) == "CUDA_SUCCESS"
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2))


def test_they_are_called_when_all_before_them_is_done_and_hold_up_what_follows(machine: Machine) -> None:
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
stream, other = call("cuStreamCreate", 1), call("cuStreamCreate", 1)
before, after = call("cuEventCreate", 0), call("cuEventCreate", 0)
release = threading.Event()
busy(20_000_000, stream)
call("cuEventRecord", before, stream)
def hold():
    called.append(["before was done", error_of("cuEventQuery", before)])
    release.wait()
threads = len(os.listdir("/proc/self/task"))
host(hold, stream)
threads = len(os.listdir("/proc/self/task")) - threads > 0
busy(1_000_000, stream)
call("cuEventRecord", after, stream)
call("cuEventSynchronize", before)
busy(1_000_000, other)
call("cuStreamSynchronize", other)  # which does not wait for the function
seen = [ready(stream), error_of("cuEventQuery", after), error_of("cuEventElapsedTime", before, after)]
call("cuStreamWaitEvent", other, after, 0)
seen.append(ready(other))
release.set()
call("cuStreamSynchronize", other)
seen += [ready(stream), error_of("cuEventQuery", after), elapsed_ns(before, after) >= 1_000_000]
show([seen, called, threads])
""",
    )
    busy, done = "CUDA_ERROR_NOT_READY", "CUDA_SUCCESS"
    assert seen == [
        [False, busy, busy, False, True, done, True],
        [["before was done", "CUDA_ERROR_NOT_PERMITTED"]],
        True,
    ]


def test_no_thread_exists_without_one(machine: Machine) -> None:
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
busy(1_000_000)
event = call("cuEventCreate", 0)
call("cuEventRecord", event, 0)
call("cuCtxSynchronize")
show(len(os.listdir("/proc/self/task")))
""",
    )
    assert seen == 1


def test_the_driver_permits_no_calls_in_them(machine: Machine) -> None:
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
def ask():
    called.extend([error_of("cuMemAlloc", 8), error_of("cuStreamQuery", 0), error_of("cuCtxSynchronize"),
                   error_of("cuDeviceGetName", 9, 0), error_of("cuMemGetInfo")])
host(ask)
callback = Callback(lambda stream, status, data: called.append([stream, status, error_of("cuCtxSynchronize")]))
assert library.cuStreamAddCallback(ctypes.c_void_p(1), callback, None, 0) == 0
call("cuCtxSynchronize")
show([called, error_of("cuMemAlloc", 8)])
""",
    )
    refused = "CUDA_ERROR_NOT_PERMITTED"
    assert seen == [[*[refused] * 5, [1, 0, refused]], "CUDA_SUCCESS"]


def test_the_default_stream_and_the_others_wait_for_each_others(machine: Machine) -> None:
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
blocking, independent = call("cuStreamCreate", 0), call("cuStreamCreate", 1)
first, second = threading.Event(), threading.Event()
host(lambda: (first.wait(), called.append("blocking")), blocking)
busy(1000, 0)
busy(1000, independent)
call("cuStreamSynchronize", independent)
seen = [ready(0), ready(blocking), ready(2)]
first.set()
call("cuStreamSynchronize", 0)
host(lambda: (second.wait(), called.append("default")), 0)
seen += [ready(blocking)]
launch("nothing", blocking)
seen += [ready(0), ready(blocking), ready(independent)]
second.set()
call("cuStreamSynchronize", blocking)
show([seen, called])
""",
    )
    assert seen == [[False, False, True, True, False, False, True], ["blocking", "default"]]


def test_another_device_is_waited_for(machine: Machine) -> None:
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
event, later = call("cuEventCreate", 0), None
def wait_on_the_other():
    call("cuEventRecord", event, 0)
    start(1); load()
    call("cuStreamWaitEvent", 0, event, 0)
    return error_of("cuEventQuery", event) == "CUDA_ERROR_NOT_READY"
at_once = while_busy(wait_on_the_other, device=0)
later = call("cuEventCreate", 0)
busy(1_000_000)
call("cuEventRecord", later, 0)
call("cuCtxSynchronize")
show([at_once, error_of("cuEventQuery", event), error_of("cuEventElapsedTime", event, later)])
""",
    )
    assert seen == [True, "CUDA_SUCCESS", "CUDA_ERROR_INVALID_HANDLE"]


def test_graphs_call_them_each_time(machine: Machine) -> None:
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
stream = call("cuStreamCreate", 1)
call("cuStreamBeginCapture", stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
launch("millisecond", stream)
host(lambda: called.append("function"), stream)
launch("millisecond", stream)
graph = call("cuStreamEndCapture", stream)
exec = call("cuGraphInstantiate", graph, 0)
nothing = list(called)
for _ in range(3):
    call("cuGraphLaunch", exec, stream)
call("cuStreamSynchronize", stream)
show([nothing, called])
""",
    )
    assert seen == [[], ["function"] * 3]
    assert [time.served_ns for time in machine.usage()[0].times] == [6_000_000]


def test_what_was_deferred_goes_with_its_stream_and_context(machine: Machine) -> None:
    """A stream can be destroyed before its functions were called; a context waits for them."""
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
context = call("cuCtxCreate", None, 0, 0)
module = call("cuModuleLoadData", PTX)
for _ in range(20):
    stream = call("cuStreamCreate", 1)
    event = call("cuEventCreate", 0)
    busy(100_000, stream)
    host(lambda: called.append("function"), stream)
    busy(100_000, stream)
    call("cuEventRecord", event, stream)
    call("cuEventDestroy", event)
    call("cuStreamDestroy", stream)
def in_a_thread():
    call("cuCtxSetCurrent", context)
    busy(100_000, 2)
    host(lambda: called.append("own"), 2)
thread = threading.Thread(target=in_a_thread)
thread.start()
thread.join()
call("cuCtxDestroy", context)
show([called.count("function"), called.count("own")])
""",
    )
    assert seen == [20, 1]


@pytest.mark.parametrize(
    "put",
    [
        "busy(1000, stream)",
        'call("cuEventRecord", event, stream)',
        'call("cuStreamWaitEvent", stream, after, 0)',
        'host(lambda: called.append("function"), stream)',
    ],
)
def test_a_stream_takes_so_much_before_they_return(machine: Machine, put: str) -> None:
    """Whoever puts in more is held up until it gets on; other streams are not."""
    seen = run(
        machine,
        HOST_FUNCTIONS
        + HELD_UP
        + f"""
DEPTH = 1024
stream, other = call("cuStreamCreate", 1), call("cuStreamCreate", 1)
event, after, release = call("cuEventCreate", 0), call("cuEventCreate", 0), threading.Event()
context = call("cuCtxGetCurrent")
def act(*actions):
    # Do it in a thread, and tell whether that is held up.
    def run_all():
        call("cuCtxSetCurrent", context)
        for action in actions:
            action()
    thread = threading.Thread(target=run_all, daemon=True)
    thread.start()
    return thread, held_up(thread)

host(release.wait, stream)
_, filling = act(lambda: call("cuEventRecord", after, stream),
                 *[lambda: call("cuEventRecord", event, stream)] * (DEPTH - 2))
more, putting = act(lambda: {put})
_, launching = act(lambda: busy(1000, other), lambda: call("cuStreamSynchronize", other))
release.set()
more.join(30)
call("cuStreamSynchronize", stream)
show([filling, putting, launching, more.is_alive()])
""",
    )
    assert seen == [False, True, False, False]


def test_memory_that_is_no_pools_is_given_back_once_the_stream_has_come_to_its_end(machine: Machine) -> None:
    """Then with the next wait for a stream, an event or a context, and no sooner; its addresses are nobody's."""
    seen = run(
        machine,
        HOST_FUNCTIONS
        + """
MIB = 1 << 20
stream, other, release = call("cuStreamCreate", 1), call("cuStreamCreate", 1), threading.Event()
before = free()
taken = lambda: (before - free()) // MIB
memory, late = call("cuMemAlloc", MIB), call("cuMemAlloc", 2 * MIB)
call("cuMemFreeAsync", memory, other)
host(release.wait, stream)
call("cuMemFreeAsync", late, stream)
seen = [taken(), error_of("cuMemFreeAsync", late, stream)]
call("cuStreamSynchronize", other)
seen.append(taken())
release.set()
while not ready(stream):
    pass
seen.append(taken())
call("cuCtxSynchronize")
show([*seen, taken()])
""",
    )
    assert seen == [3, "CUDA_ERROR_INVALID_VALUE", 2, 2, 0]
