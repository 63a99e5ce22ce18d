"""What captures of streams forbid on the simulated driver, as on the real one."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import run
from tests.native.sim.kernels import KERNELS

CAPTURES = (
    KERNELS
    + """
import threading
start(); load()
MODE = driver.CUstreamCaptureMode
GLOBAL = MODE.CU_STREAM_CAPTURE_MODE_GLOBAL
OWN = MODE.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
RELAXED = MODE.CU_STREAM_CAPTURE_MODE_RELAXED
stream, other = call("cuStreamCreate", 1), call("cuStreamCreate", 1)
done = call("cuEventCreate", 0)
call("cuEventRecord", done, 0)
context = call("cuCtxGetCurrent")

def begin(mode, stream=stream):
    call("cuStreamBeginCapture", stream, mode)

def end(stream=stream):
    return error_of("cuStreamEndCapture", stream)

def in_a_thread(act):
    found = []
    def run():
        call("cuCtxSetCurrent", context)
        found.append(act())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]
"""
)
UNSUPPORTED = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
INVALIDATED = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
OK = "CUDA_SUCCESS"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(1))


def test_a_captured_stream_cannot_be_asked_or_waited_for(machine: Machine) -> None:
    seen = run(
        machine,
        CAPTURES
        + """
seen = []
for act in "cuStreamQuery", "cuStreamSynchronize":
    begin(RELAXED)
    seen.append([error_of(act, stream), call("cuStreamIsCapturing", stream).value,
                 error_of("cuLaunchKernel", function("nothing"), 1, 1, 1, 1, 1, 1, 0, stream, 0, 0), end(),
                 call("cuStreamIsCapturing", stream).value, error_of(act, stream)])
show(seen)
""",
    )
    assert seen == [[UNSUPPORTED, 2, INVALIDATED, INVALIDATED, 0, OK]] * 2


def test_a_captured_event_cannot_be_asked_or_waited_for(machine: Machine) -> None:
    """It takes other streams into the capture. Recorded anew it is an event as any."""
    seen = run(
        machine,
        CAPTURES
        + """
event = call("cuEventCreate", 0)
begin(RELAXED)
call("cuEventRecord", event, stream)
call("cuStreamWaitEvent", other, event, 0)
launch("millisecond", other)
both = [call("cuStreamIsCapturing", each).value for each in (stream, other)]
wrong_end = end(other)
graph = call("cuStreamEndCapture", stream)
nodes = call("cuGraphGetNodes", graph, 9)[1]
neither = [call("cuStreamIsCapturing", each).value for each in (stream, other)]
after = [error_of("cuEventQuery", event), error_of("cuEventElapsedTime", event, event)]
begin(RELAXED)
call("cuEventRecord", event, stream)
amid = [error_of("cuEventSynchronize", event), end()]
call("cuEventRecord", event, 0)
show([both, wrong_end, nodes, neither, after, amid, error_of("cuEventQuery", event)])
""",
    )
    captured = "CUDA_ERROR_CAPTURED_EVENT"
    assert seen == [
        *([1, 1], "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", 1, [0, 0]),
        [captured, captured],
        [captured, INVALIDATED],
        OK,
    ]


def test_a_capture_depends_on_nothing_outside_and_on_no_other(machine: Machine) -> None:
    seen = run(
        machine,
        CAPTURES
        + """
event = call("cuEventCreate", 0)
begin(RELAXED)
seen = [error_of("cuStreamWaitEvent", stream, done, 0), end()]
begin(RELAXED)
begin(RELAXED, other)
call("cuEventRecord", event, stream)
show([*seen, error_of("cuStreamWaitEvent", other, event, 0), end(), end(other)])
""",
    )
    isolation, merge = "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "CUDA_ERROR_STREAM_CAPTURE_MERGE"
    assert seen == [isolation, INVALIDATED, merge, INVALIDATED, INVALIDATED]


def test_the_default_stream_cannot_be_used_while_one_that_it_waits_for_is_captured(machine: Machine) -> None:
    seen = run(
        machine,
        CAPTURES
        + """
blocking = call("cuStreamCreate", 0)
launch_default = lambda: error_of("cuLaunchKernel", function("nothing"), 1, 1, 1, 1, 1, 1, 0, 0, 0, 0)
begin(RELAXED)
seen = [launch_default(), end()]
begin(RELAXED, blocking)
show([*seen, launch_default(), end(blocking), launch_default()])
""",
    )
    assert seen == [OK, OK, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", INVALIDATED, OK]


# Mode of the capture; whether another thread does it, and in which mode; what comes of the call and of the capture.
MODES = [
    ("GLOBAL", False, "GLOBAL", UNSUPPORTED, INVALIDATED),
    ("GLOBAL", True, "GLOBAL", UNSUPPORTED, INVALIDATED),
    ("GLOBAL", True, "OWN", OK, OK),
    ("GLOBAL", True, "RELAXED", OK, OK),
    ("GLOBAL", False, "RELAXED", OK, OK),
    ("OWN", False, "GLOBAL", UNSUPPORTED, INVALIDATED),
    ("OWN", False, "OWN", UNSUPPORTED, INVALIDATED),
    ("OWN", True, "GLOBAL", OK, OK),
    ("RELAXED", False, "GLOBAL", OK, OK),
    ("RELAXED", True, "GLOBAL", OK, OK),
]


def test_who_captures_says_what_others_may_do_meanwhile(machine: Machine) -> None:
    seen = run(
        machine,
        CAPTURES
        + f"""
acts = [("cuEventQuery", done), ("cuEventSynchronize", done), ("cuStreamQuery", other),
        ("cuStreamSynchronize", other), ("cuCtxSynchronize",), ("cuMemFree", 0), ("cuMemAlloc", 8)]
def attempt(mode, arguments):
    call("cuThreadExchangeStreamCaptureMode", mode)
    result = error_of(*arguments)
    call("cuThreadExchangeStreamCaptureMode", GLOBAL)
    return result
seen = []
for capture, elsewhere, mode, _, _ in {MODES!r}:
    for arguments in acts:
        begin(globals()[capture])
        act = lambda: attempt(globals()[mode], arguments)
        seen.append([arguments[0], capture, elsewhere, mode, in_a_thread(act) if elsewhere else act(), end()])
show(seen)
""",
    )
    expected = {row[:3]: [*row[3:]] for row in MODES}
    assert len(seen) == 7 * len(MODES)
    assert [row for row in seen if row[4:] != expected[tuple(row[1:4])]] == []


def test_only_the_thread_that_began_ends(machine: Machine) -> None:
    seen = run(
        machine,
        CAPTURES
        + """
begin(GLOBAL)
seen = [in_a_thread(end), end()]
begin(RELAXED)
show([*seen, in_a_thread(end), end()])
""",
    )
    assert seen == ["CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", OK, OK, "CUDA_ERROR_ILLEGAL_STATE"]


def test_what_is_captured_is_told(machine: Machine) -> None:
    seen = run(
        machine,
        CAPTURES
        + """
begin(RELAXED)
first = call("cuStreamGetCaptureInfo", stream)
launch("nothing", stream)
graph = call("cuStreamEndCapture", stream)
begin(RELAXED)
second = call("cuStreamGetCaptureInfo", stream)
flags = [call("cuStreamGetFlags", stream), int(call("cuStreamGetCtx", stream)) == int(context)]
show([first[0].value, int(first[2]) == int(graph), int(first[1]) != int(second[1]), flags, end()])
""",
    )
    assert seen == [1, True, True, [1, True], OK]


def test_what_is_captured_frees_only_memory_of_graphs(machine: Machine) -> None:
    program = """
plain = call("cuMemAlloc", 1)
begin(RELAXED)
seen = [error_of("cuMemFreeAsync", plain, stream)]
memory = call("cuMemAllocAsync", 1, stream)
seen += [error_of("cuMemFreeAsync", memory, stream), end(), error_of("cuMemFree", plain)]
show(seen)
"""
    assert run(machine, CAPTURES + program) == ["CUDA_ERROR_INVALID_VALUE", OK, OK, OK]
