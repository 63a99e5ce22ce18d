"""Kernels of the simulated driver take time of their device, which processes share."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from hami_dra.native import lib
from hami_dra.sim import Machine, ProcessTime, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.client import run, running
from tests.native.sim.kernels import KERNELS

MS = 1_000_000
SLICE_NS = 2 * MS


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2))


def times(machine: Machine, gpu: int = 0) -> list[ProcessTime]:
    return machine.usage()[gpu].times


def served(machine: Machine, pid: int) -> int:
    return sum(time.served_ns for time in times(machine) if time.pid == pid)


def test_a_kernel_takes_what_its_text_says(machine: Machine) -> None:
    """By itself, by its grid and by an argument, through each way to pass arguments."""
    seen = run(
        machine,
        KERNELS
        + """
start(); load()
events = [call("cuEventCreate", 0) for _ in range(6)]
def then(index):
    call("cuEventRecord", events[index], 0)
buffer = ctypes.create_string_buffer(48)
ctypes.c_uint64.from_buffer(buffer, 32).value = 700_000
size = ctypes.c_size_t(48)
extra = (ctypes.c_void_p * 5)(1, ctypes.addressof(buffer), 2, ctypes.addressof(size), 0)
def launch_all():
    then(0)
    launch("millisecond"); then(1)
    launch("by_blocks", grid=500, values=[1], types=[ctypes.c_uint32]); then(2)
    busy(300_000); then(3)
    launch("nothing"); then(4)
    call("cuLaunchKernel", function("by_argument"), 1, 1, 1, 1, 1, 1, 0, 0, 0, ctypes.addressof(extra)); then(5)
    return error_of("cuEventElapsedTime", events[0], events[5])
early = while_busy(launch_all)
call("cuEventSynchronize", events[5])
show([early, [elapsed_ns(*pair) for pair in zip(events, events[1:])]])
""",
    )
    assert seen == ["CUDA_ERROR_NOT_READY", [MS, 6000, 300_000, 0, 700_000]]


def test_waiting_takes_as_long_as_the_kernels(machine: Machine) -> None:
    seen = run(
        machine,
        KERNELS
        + """
start(); load()
stream = call("cuStreamCreate", 1)
event = call("cuEventCreate", 2)
pointer = call("cuMemAlloc", 4096)
def wait_with(act, *arguments):
    before = time.monotonic()
    busy(20_000_000, stream if act == "cuStreamSynchronize" else 0)
    call("cuEventRecord", event, 0)
    call(act, *arguments)
    return time.monotonic() - before
show([[wait_with("cuCtxSynchronize"), wait_with("cuStreamSynchronize", stream), wait_with("cuEventSynchronize", event),
       wait_with("cuMemcpyDtoH", bytearray(8), pointer, 8), wait_with("cuMemFree", pointer)],
      error_of("cuStreamQuery", stream)])
""",
    )
    assert all(took >= 0.020 for took in seen[0])
    assert seen[1] == "CUDA_SUCCESS"


def test_streams_keep_their_order_and_wait_for_events(machine: Machine) -> None:
    seen = run(
        machine,
        KERNELS
        + """
start(); load()
first, second = call("cuStreamCreate", 1), call("cuStreamCreate", 1)
event, later = call("cuEventCreate", 0), call("cuEventCreate", 0)
def use_both():
    seen = [error_of("cuStreamQuery", stream) for stream in (first, second, 0)]
    call("cuEventRecord", event, first)
    call("cuStreamWaitEvent", second, event, 0)
    launch("nothing", second)
    call("cuEventRecord", later, second)
    return seen + [error_of("cuStreamQuery", second), error_of("cuEventQuery", later)]
seen = while_busy(use_both, first)
call("cuStreamSynchronize", second)
seen += [error_of("cuStreamQuery", first), error_of("cuEventQuery", event), elapsed_ns(event, later)]
show(seen)
""",
    )
    ready, not_ready = "CUDA_SUCCESS", "CUDA_ERROR_NOT_READY"
    assert seen == [not_ready, ready, ready, not_ready, not_ready, ready, ready, 0]


def test_the_default_stream_waits_for_all_but_the_independent_ones(machine: Machine) -> None:
    seen = run(
        machine,
        KERNELS
        + """
start(); load()
blocking, independent = call("cuStreamCreate", 0), call("cuStreamCreate", 1)
ask = lambda *streams: [error_of("cuStreamQuery", stream) for stream in streams]
seen = while_busy(lambda: ask(0), independent) + while_busy(lambda: ask(0), blocking)
call("cuStreamSynchronize", 0)
seen += ask(blocking)
def use_all():
    seen = ask(blocking)  # nothing new is in there
    for stream in blocking, independent, 2:
        launch("nothing", stream)
        seen += ask(stream)
    call("cuStreamSynchronize", independent)
    return seen
show(seen + while_busy(use_all, 0))
""",
    )
    ready, not_ready = "CUDA_SUCCESS", "CUDA_ERROR_NOT_READY"
    assert seen == [ready, not_ready, ready, ready, not_ready, ready, not_ready]


def test_a_device_works_for_itself(machine: Machine) -> None:
    """A second device does not wait for the first, but for an event of it."""
    seen = run(
        machine,
        KERNELS
        + """
start(0)
event = call("cuEventCreate", 0)
def use_the_other():
    call("cuEventRecord", event, 0)
    start(1); load()
    busy(1_000_000)
    call("cuCtxSynchronize")
    return error_of("cuEventQuery", event)
amid = while_busy(use_the_other, device=0)
call("cuStreamWaitEvent", 0, event, 0)
busy(1_000_000)
call("cuCtxSynchronize")
show([amid, error_of("cuEventQuery", event)])
""",
    )
    assert seen == ["CUDA_ERROR_NOT_READY", "CUDA_SUCCESS"]


def test_only_so_many_launches_wait(machine: Machine) -> None:
    """Who launches more is held up, as by a real driver, whose channel has room for 1,024."""
    seen = run(
        machine,
        KERNELS
        + """
start(); load()
before = time.monotonic()
for _ in range(1034):
    launch("millisecond")
took = time.monotonic() - before
events = [call("cuEventCreate", 0) for _ in range(500)]
def record_all():
    for event in events:
        launch("nothing")
        call("cuEventRecord", event, 0)
        busy(1000)
while_busy(record_all)
call("cuCtxSynchronize")
between = {elapsed_ns(*pair) for pair in zip(events, events[1:])}
more = [call("cuEventCreate", 0) for _ in range(1200)]  # more than can be waited for at a time
for event in more:
    busy(1000)
    call("cuEventRecord", event, 0)
call("cuCtxSynchronize")
show([took, sorted(between), min(elapsed_ns(*pair) for pair in zip(more, more[1:]))])
""",
    )
    assert seen[0] >= 0.009
    assert seen[1] == [1000]
    assert seen[2] >= 999  # of a float of milliseconds


# Has an hour to compute, and does not wait for it.
BUSY = KERNELS + "start(); load()\nbusy(3_600_000_000_000)"


def test_two_busy_processes_get_half_each(machine: Machine) -> None:
    with running(machine, BUSY) as first, running(machine, BUSY) as second:
        before = times(machine)
        time.sleep(0.3)
        after = times(machine)
    shares = {now.pid: now.served_ns - then.served_ns for then, now in zip(before, after, strict=True)}
    assert shares.keys() == {first.pid, second.pid}
    assert min(shares.values()) >= 0.15e9 - SLICE_NS
    assert abs(shares[first.pid] - shares[second.pid]) <= 2 * SLICE_NS


def test_who_has_work_for_less_is_not_waited_for(machine: Machine) -> None:
    """One process computes 1 ms at a time and sleeps; the busy one has all the rest."""
    program = (
        KERNELS
        + """
start(); load()
busy(1)
started = time.monotonic_ns()
for _ in range(20):
    busy(1_000_000)
    call("cuCtxSynchronize")
    time.sleep(0.005)
show(time.monotonic_ns() - started)
"""
    )
    with running(machine, BUSY) as other:
        before = served(machine, other.pid)
        lasted = run(machine, program)
        others = served(machine, other.pid) - before
    seldom = next(time.served_ns for time in times(machine) if time.served_ns == 20 * MS + 1)
    assert others >= lasted - seldom - 2 * SLICE_NS


def test_killing_a_busy_process_frees_the_device(machine: Machine) -> None:
    with running(machine, BUSY) as first:
        with running(machine, BUSY) as second:
            first.send_signal(signal.SIGKILL)
            first.wait()
            alone_since = served(machine, second.pid)
            time.sleep(0.2)
            grown = served(machine, second.pid) - alone_since
        killed = [time for time in times(machine) if time.pid == first.pid]
    assert grown >= 0.2e9
    assert [time.ended for time in killed] == [True]
    assert killed[0].served_ns < 60_000 * MS


def test_who_ends_with_work_to_do_had_the_device_until_then(machine: Machine) -> None:
    lasted = run(
        machine,
        KERNELS
        + """
start(1); load()
start(); load()
busy(3_600_000_000_000)
before = time.monotonic_ns()
time.sleep(0.05)
show(time.monotonic_ns() - before)
""",
    )
    (ended,) = times(machine)
    assert ended.ended
    assert ended.served_ns >= lasted


def test_a_change_to_another_process_costs_time(tmp_path: Path) -> None:
    """With 1 ms for each change and slices of 1 ms, half of the time is lost."""
    machine = create_machine(tmp_path / "root", simulated_gpus(1), SimulatedDriver(slice_us=1000, switch_us=1000))
    with running(machine, BUSY) as first, running(machine, BUSY) as second:
        before = time.monotonic_ns()
        start = times(machine)
        time.sleep(0.3)
        end = times(machine)
        lasted = time.monotonic_ns() - before
    both = sum(time.served_ns for time in end) - sum(time.served_ns for time in start)
    assert {time.pid for time in end} == {first.pid, second.pid}
    assert 0.15e9 - 2 * MS <= both <= lasted / 2 + 2 * MS


KILLS = """
import random, signal
library = ctypes.CDLL("libcuda.so.1")
def churn():
    start(); load()
    while True:
        for _ in range(random.randrange(5)):
            busy(random.randrange(200_000))
        call("cuCtxSynchronize")
children = []
for _ in range(COUNT):
    if len(children) == 4:
        child = children.pop(random.randrange(4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    child = os.fork()
    if child == 0:
        try:
            churn()
        finally:
            os._exit(1)
    children.append(child)
    time.sleep(random.random() / 300)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
start(); load()
busy(1_000_000)
call("cuCtxSynchronize")
show("alive")
"""


def test_kills_at_random_instants_do_not_wedge_the_device(machine: Machine) -> None:
    assert run(machine, KERNELS + KILLS.replace("COUNT", "1000")) == "alive"
    all_of_them = times(machine)
    assert all_of_them[-1].served_ns == MS
    assert len({(time.pid, time.began_ns) for time in all_of_them}) == len(all_of_them) > 100


def test_who_only_looks_can_be_killed_too(machine: Machine) -> None:
    with running(machine, BUSY):
        for delay_ms in range(60):
            with subprocess.Popen(
                [lib("sim/hami-sim"), "watch", machine.state, "1"], stdout=subprocess.DEVNULL
            ) as watch:
                time.sleep(delay_ms % 10 / 1000)
                watch.kill()
    assert run(machine, KERNELS + "start(); load(); busy(1); call('cuCtxSynchronize'); show('alive')") == "alive"
    assert len(times(machine)) == 2


@pytest.mark.not_sanitized(reason="a sanitizer's start, a thousand times")
def test_the_last_1024_ended_processes_are_remembered(machine: Machine) -> None:
    program = (
        KERNELS
        + """
for ns in range(1, 1101):
    if (child := os.fork()) == 0:
        start(); load()
        busy(ns)
        call("cuCtxSynchronize")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    )
    run(machine, program + "show(0)")
    remembered = [time.served_ns for time in times(machine)]
    assert remembered[-1] == 1100
    assert remembered == list(range(1100 - len(remembered) + 1, 1101))
    assert len(remembered) in (1024, 1025)


def test_what_cannot_be_launched_is_refused(machine: Machine) -> None:
    seen = run(
        machine,
        KERNELS
        + """
start(); load()
f = function("by_argument")
grid = lambda *sizes, parameters=1: error_of("cuLaunchKernel", f, *sizes, 0, 0, parameters, 0)
pointers = (ctypes.c_void_p * 4)(*[ctypes.addressof(ctypes.c_uint64(0))] * 4)
good = ctypes.addressof(pointers)
show([grid(0, 1, 1, 1, 1, 1, parameters=good), grid(1, 1, 1, 1024, 2, 1, parameters=good),
      grid(1, 1, 1, 1, 1, 1, parameters=0), error_of("cuModuleGetFunction", module, b"none"),
      error_of("cuModuleLoadData", b".version 8.0 .entry a() { .pragma \\"hami-sim cost=x\\"; }")])
""",
    )
    invalid = "CUDA_ERROR_INVALID_VALUE"
    assert seen == [invalid, invalid, invalid, "CUDA_ERROR_NOT_FOUND", "CUDA_ERROR_INVALID_PTX"]
