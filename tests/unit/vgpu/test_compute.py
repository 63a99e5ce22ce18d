"""A share of the GPU's time, through the library, on the simulator, which knows who really had the GPU.

How much a process gets also depends on what else the machine does meanwhile; that it never gets more than its part does
not. So the upper bounds here are tight, and the lower ones are far below what `make bench-compute` shows.
"""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from hami_dra.native import lib
from hami_dra.shares import Share, read_gpu_time
from tests.unit.vgpu.container import GIB, OUT_OF_MEMORY, Container, preload

MS = 10**6  # in ns
RUN_MS = 1000
WAYS = ["plain", "extended", "cooperative", "graph", "per-thread"]

# What a share may use at once: what a turn begins with, and what was launched when it should have ended.
AHEAD_S = 0.04


@dataclass(frozen=True)
class Run:
    """What a launcher did: for how long it had the GPU, while it launched for so long, and what it printed."""

    served_s: float
    took_s: float
    launches: int
    longest_s: float

    @property
    def part(self) -> float:
        """Percent of the time. What it may have at once counts as time too."""
        return 100 * self.served_s / (self.took_s + AHEAD_S)


class Launcher:
    """A running tests/native/core/launcher.c."""

    def __init__(self, container: Container, kernel_ns: int, way: str = "plain", **options: int | str) -> None:
        self._machine = container.machine
        run_ms = options.get("run_ms", RUN_MS)
        streams, threads = options.get("streams", 1), options.get("threads", 1)
        arguments = (run_ms, kernel_ns, way, streams, threads, options.get("waits", "async"))
        self.process = container.start("launcher", *map(str, arguments))

    def served_s(self) -> float:
        """For how long it has had the GPU so far."""
        times = [each for gpu in self._machine.usage() for each in gpu.times if each.pid == self.process.pid]
        return sum(each.served_ns for each in times) / 1e9

    def sample(self) -> tuple[int, int]:
        """An instant, and for how long it had had the GPU by then, in ns."""
        gpu = self._machine.usage()[0]
        return gpu.now_ns, sum(each.served_ns for each in gpu.times if each.pid == self.process.pid)

    def result(self) -> Run:
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        launches, longest_ns, took_ns = map(int, output.split())
        return Run(self.served_s(), took_ns / 1e9, launches, longest_ns / 1e9)

    def wait_until_served(self, seconds: float) -> None:
        while self.served_s() < seconds:
            assert self.process.poll() is None
            time.sleep(0.01)

    def sleeps(self) -> int:
        """How often its threads have gone to sleep."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        lines = [line for task in tasks for line in (task / "status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

    def threads(self) -> list[str]:
        """The names of its threads."""
        return [(task / "comm").read_text().strip() for task in Path(f"/proc/{self.process.pid}/task").iterdir()]


@pytest.fixture
def launchers(container: Container) -> Iterator["Launchers"]:
    launchers = Launchers(container)
    yield launchers
    launchers.stop()


class Launchers:
    """Starts launchers, each in the container or one with other shares, and kills those that are left."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self._started: list[Launcher] = []

    def start(
        self, kernel_ns: int, way: str = "plain", *, among: Container | None = None, **options: int | str
    ) -> Launcher:
        self._started.append(Launcher(among or self.container, kernel_ns, way, **options))
        return self._started[-1]

    def stop(self) -> None:
        for launcher in self._started:
            launcher.process.kill()
            launcher.process.communicate()


def grant(container: Container, cores: int, **changes: str) -> Share:
    """A share of the first GPU with so much of its time."""
    share = replace(container.grant(0, GIB), cores=cores, **changes)
    container.write(share)
    return share


def neighbour(container: Container, name: str) -> Container:
    """Another container on the same machine: other shares, the same turns."""
    root = container.shares.parent / name
    root.mkdir()
    (container.shares.parent / "turns").mkdir(exist_ok=True)
    (root / "turns").symlink_to(container.shares.parent / "turns")
    return Container(root / "shares", container.machine, container.programs)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_held_however_kernels_are_launched(launchers: Launchers, way: str) -> None:
    grant(launchers.container, 30)
    run = launchers.start(MS, way).result()
    assert 15 < run.part < 32


TOO_SHORT = pytest.mark.not_sanitized(reason="so short a kernel is over before a slowed host has set its marks")


@pytest.mark.parametrize(
    ("kernel_ns", "run_ms"),
    [pytest.param(5_000, 1000, marks=TOO_SHORT), (100_000, 1000), (20 * MS, 1500), (100 * MS, 3000)],
)
def test_it_is_held_however_long_kernels_are(launchers: Launchers, kernel_ns: int, run_ms: int) -> None:
    grant(launchers.container, 20)
    run = launchers.start(kernel_ns, run_ms=run_ms).result()
    assert 8 < run.part < 22 + 100 * (kernel_ns / 1e9) / (run_ms / 1e3)


def test_a_long_kernel_is_paid_before_the_next_one(launchers: Launchers) -> None:
    """A turn is given back just before its last kernel is over, which is not charged until then."""
    grant(launchers.container, 20)
    launcher = launchers.start(100 * MS, run_ms=10_000)
    launcher.wait_until_served(0.3)  # it knows by now what such a kernel takes
    samples = [launcher.sample()]
    while samples[-1][0] - samples[0][0] < 2000 * MS:
        time.sleep(0.01)
        samples.append(launcher.sample())
    windows = [(first, last) for first in samples for last in samples if 0 < last[0] - first[0] < 350 * MS]
    assert max(last[1] - first[1] for first, last in windows) < 150 * MS


@pytest.mark.parametrize("waits", ["async", "sync"])
def test_it_is_held_with_many_streams_and_threads(launchers: Launchers, waits: str) -> None:
    grant(launchers.container, 30)
    run = launchers.start(200_000, streams=8, threads=4, waits=waits).result()
    assert 12 < run.part < 33


def test_what_is_measured_is_what_the_process_had(launchers: Launchers) -> None:
    share = grant(launchers.container, 40)
    run = launchers.start(MS).result()
    measured = read_gpu_time(launchers.container.folder(share) / "region") / 1e9
    assert run.served_s - 0.01 < measured
    # A process that has to wait for a processor while it launches keeps the GPU waiting: that counts as its use.
    assert measured < 1.2 * run.served_s + 0.05


def test_processes_of_one_share_hold_the_limit_together(launchers: Launchers) -> None:
    grant(launchers.container, 40)
    runs = [launcher.result() for launcher in [launchers.start(MS) for _ in range(4)]]
    took = max(run.took_s for run in runs) + AHEAD_S
    assert 0.15 * took < sum(run.served_s for run in runs) < 0.43 * took
    assert all(run.launches > 0 for run in runs)


def test_two_shares_in_a_container_add_up(launchers: Launchers) -> None:
    grant(launchers.container, 20)
    grant(launchers.container, 30)
    assert 27 < launchers.start(MS).result().part < 53


def test_who_waits_sleeps(launchers: Launchers) -> None:
    """Who looks again and again whether its turn has come wakes up thousands of times a second."""
    grant(launchers.container, 30)
    launcher = launchers.start(MS, run_ms=10_000)
    launcher.wait_until_served(0.2)
    before, had = launcher.sleeps(), launcher.served_s()
    launcher.wait_until_served(had + 0.3)
    assert launcher.sleeps() - before < 4 * 300  # kernels


def test_who_waits_for_what_nobody_knows_sleeps_too(launchers: Launchers) -> None:
    """How long a kernel takes is not known as long as the first one runs."""
    grant(launchers.container, 30)
    launcher = launchers.start(5000 * MS)
    launcher.wait_until_served(0.2)
    before, had = launcher.sleeps(), launcher.served_s()
    launcher.wait_until_served(had + 0.5)
    assert launcher.sleeps() - before < 4 * 500  # ms


@pytest.mark.parametrize("kernel_ns", [50_000, MS, 20 * MS])
def test_neighbours_get_their_parts(launchers: Launchers, kernel_ns: int) -> None:
    small, large = launchers.container, neighbour(launchers.container, "large")
    grant(small, 25)
    grant(large, 75)
    busy = [launchers.start(kernel_ns, run_ms=2000), launchers.start(kernel_ns, run_ms=2000, among=large)]
    first, second = [launcher.result() for launcher in busy]
    assert first.part < 28
    assert second.part < 78
    assert 1.5 * first.served_s < second.served_s


def test_all_of_the_time_costs_no_thread(launchers: Launchers) -> None:
    grant(launchers.container, 100)
    launcher = launchers.start(MS)
    launcher.wait_until_served(0.05)
    assert "hami-turns" not in launcher.threads()
    assert launcher.result().part > 40


def test_a_limited_gpu_costs_one_thread(launchers: Launchers) -> None:
    grant(launchers.container, 30)
    launcher = launchers.start(MS, threads=4)
    launcher.wait_until_served(0.05)
    assert launcher.threads().count("hami-turns") == 1


@pytest.mark.not_sanitized(reason="a sanitizer has threads of its own with as little room")
def test_its_thread_has_room_for_what_libraries_want_in_each(launchers: Launchers) -> None:
    container = launchers.container
    container.environment["LD_PRELOAD"] = preload(container.programs / "libroomy.so", lib("libvgpu.so"))
    grant(container, 30)
    launcher = launchers.start(MS)
    launcher.wait_until_served(0.05)
    assert "hami-turns" in launcher.threads()


@pytest.mark.parametrize(("before", "after"), [(10, 80), (100, 20)])
def test_a_changed_limit_holds_for_running_processes(launchers: Launchers, before: int, after: int) -> None:
    """It waits for each launch: what was launched without a limit, nobody can take back."""
    share = grant(launchers.container, before)
    launcher = launchers.start(MS, run_ms=20_000, waits="sync")
    launcher.wait_until_served(0.05)
    assert _part_of(launcher) < before + 10
    launchers.container.write(replace(share, cores=after))
    time.sleep(0.2)
    part = _part_of(launcher)
    # What it was kept from before, it may still catch up with.
    assert part < 60 or after > before
    assert part > 2 * before or after < before


def _part_of(launcher: Launcher) -> float:
    """Percent of the time, for half a second from now."""
    began, served = time.monotonic(), launcher.served_s()
    time.sleep(0.5)
    later = launcher.served_s()
    return 100 * (later - served) / (time.monotonic() - began)


def test_without_a_policy_nothing_is_held(launchers: Launchers) -> None:
    share = grant(launchers.container, 20, compute_policy="off")
    assert launchers.start(MS).result().part > 30
    assert read_gpu_time(launchers.container.folder(share) / "region") == 0


def test_idle_time_may_be_used_and_is_given_back(launchers: Launchers) -> None:
    other = neighbour(launchers.container, "other")
    grant(launchers.container, 20, compute_policy="work-conserving")
    grant(other, 60)
    borrower = launchers.start(MS, run_ms=20_000)
    borrower.wait_until_served(0.1)
    assert _part_of(borrower) > 35
    run = launchers.start(MS, among=other).result()
    assert 30 < run.part < 63


def test_high_priority_goes_first(launchers: Launchers) -> None:
    """Of two that ask for more than there is left, the one of high priority does not wait for the other's turns."""
    other = neighbour(launchers.container, "other")
    grant(launchers.container, 40, priority="high")
    grant(other, 60)
    busy = launchers.start(MS, run_ms=20_000, among=other)
    busy.wait_until_served(0.05)
    run = launchers.start(MS).result()
    assert 20 < run.part < 43


def test_a_stopped_neighbour_does_not_stop_others(launchers: Launchers) -> None:
    other = neighbour(launchers.container, "other")
    grant(launchers.container, 50)
    grant(other, 50)
    stopped = launchers.start(20 * MS, run_ms=20_000, among=other)
    stopped.wait_until_served(0.1)
    stopped.process.send_signal(signal.SIGSTOP)
    assert launchers.start(MS, run_ms=3000).result().served_s > 0.1
    stopped.process.kill()
    assert launchers.start(MS).result().served_s > 0.1


def test_killed_processes_leave_no_turn_behind(launchers: Launchers) -> None:
    grant(launchers.container, 50)
    for _ in range(10):
        killed = launchers.start(MS, run_ms=20_000)
        killed.wait_until_served(0.001)
        killed.process.kill()
    run = launchers.start(MS).result()
    assert run.served_s > 0.1
    assert run.longest_s < 1


@pytest.mark.parametrize(("kernel_ns", "launches"), [(50 * MS, 4), (MS, 20)])
def test_a_program_may_end_while_the_gpu_works_for_it(launchers: Launchers, kernel_ns: int, launches: int) -> None:
    """Nobody may look at events any more once the driver has been through what it does as a process exits."""
    container = launchers.container
    grant(container, 30)
    done = container.run(container.programs / "exits", str(kernel_ns), str(launches), "200")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_takes_its_time_to_exit_does_not_keep_its_turn(launchers: Launchers) -> None:
    container = launchers.container
    other = neighbour(container, "other")
    grant(container, 50)
    grant(other, 50)
    with container.start("exits", str(MS), "4", "60000") as lingering:
        assert lingering.stdout is not None
        assert lingering.stdout.readline() == "lingers\n"
        run = launchers.start(MS, among=other).result()
        lingering.kill()
    assert run.served_s > 0.1
    assert run.longest_s < 0.5


def test_programs_one_after_the_other_are_held_as_one_is(launchers: Launchers) -> None:
    """Each exits as soon as its only kernel is over, which nobody has looked at by then."""
    grant(launchers.container, 20)
    begin = time.monotonic()
    served_s = sum(launchers.start(20 * MS, run_ms=1, waits="sync").result().served_s for _ in range(20))
    assert 100 * served_s / (time.monotonic() - begin + AHEAD_S) < 22


PROGRAM = """
from cuda.bindings import driver as cuda
import json, time

def call(name, *arguments):
    result, *values = getattr(cuda, name)(*arguments)
    assert result == 0, (name, result)
    return values[0] if values else None

PTX = b'.version 8.0\\n.target sm_80\\n.address_size 64\\n' \\
      b'.visible .entry half() { .pragma "hami-sim cost=500000000"; ret; }\\n' \\
      b'.visible .entry short() { .pragma "hami-sim cost=1000"; ret; }\\n'
call("cuInit", 0)
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 0))
module = call("cuModuleLoadData", PTX)
half, short = call("cuModuleGetFunction", module, b"half"), call("cuModuleGetFunction", module, b"short")
stream = call("cuStreamCreate", 1)
def launch(kernel=half):
    call("cuLaunchKernel", kernel, 1, 1, 1, 32, 1, 1, 0, stream, 0, 0)
"""


def test_launches_into_a_capture_do_not_wait(container: Container) -> None:
    """The share owes half a second, for which it would wait for 25 s."""
    grant(container, 2)
    capture = """
launch()
began = time.monotonic()
call("cuStreamBeginCapture", stream, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL)
for _ in range(1000):
    launch()
graph = call("cuStreamEndCapture", stream)
nodes = cuda.cuGraphGetNodes(graph, 2000)[2]
print(json.dumps([nodes, time.monotonic() - began]))
"""
    nodes, took = container.python(PROGRAM + capture)
    assert nodes == 1000
    assert took < 10


@pytest.mark.parametrize("grids", ["range(1000, 1200)", "[(1 + i) * (1 if i % 2 else 20) for i in range(200)]"])
def test_it_is_held_when_no_grid_comes_twice(container: Container, grids: str) -> None:
    """What such a launch takes, the ones before it tell by their threads: here always the same for each block."""
    grant(container, 30)
    launches = f"""
PTX = b'.version 8.0\\n.target sm_80\\n.address_size 64\\n' \\
      b'.visible .entry blocks() {{ .pragma "hami-sim per-block=1000"; ret; }}\\n'
blocks = call("cuModuleGetFunction", call("cuModuleLoadData", PTX), b"blocks")
grids = {grids}
began = time.monotonic()
for grid in grids:
    call("cuLaunchKernel", blocks, grid, 1, 1, 32, 1, 1, 0, stream, 0, 0)
call("cuStreamSynchronize", stream)
print(json.dumps([sum(grids) / 1e6, time.monotonic() - began]))
"""
    served, took = container.python(PROGRAM + launches)
    assert served < 0.32 * (took + AHEAD_S)


def test_the_environment_contract_holds_time_too(launchers: Launchers, tmp_path: Path) -> None:
    container = launchers.container
    container.environment |= {
        "CUDA_DEVICE_SM_LIMIT": "30",
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(tmp_path / "cache"),
    }
    assert container.client().info()[1] == 16 * GIB
    runs = [launcher.result() for launcher in [launchers.start(MS), launchers.start(MS)]]
    assert 0.1 < sum(run.served_s for run in runs) < 0.33 * (max(run.took_s for run in runs) + AHEAD_S)


def test_a_stream_that_waits_for_the_program_is_not_waited_for(container: Container) -> None:
    """The program lets it go on after launches that do not even begin until then."""
    grant(container, 50)
    blocked = """
import ctypes, threading
may_go_on = threading.Event()
wait = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: may_go_on.wait())
call("cuLaunchHostFunc", stream, cuda.CUhostFn(ctypes.cast(wait, ctypes.c_void_p).value), 0)
for _ in range(100):
    launch(short)
may_go_on.set()
call("cuStreamSynchronize", stream)
print(json.dumps("done"))
"""
    assert container.python(PROGRAM + blocked) == "done"


def test_a_forked_child_leaves_the_parents_turn_alone(container: Container) -> None:
    """It has the parent's files, and ends in the middle of its turn. Of the driver it uses nothing, as CUDA has it."""
    grant(container, 50)
    forks = """
import os
launch(short)
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0)
    launch(short)
    os.waitpid(child, 0)
call("cuStreamSynchronize", stream)
print(json.dumps(os.listdir("/proc/self/task").__len__() > 1))
"""
    assert container.python(PROGRAM + forks) is True


def test_a_program_may_end_with_work_under_way(container: Container) -> None:
    grant(container, 2)
    assert container.python(PROGRAM + "launch(); launch(short); print(json.dumps('done'))") == "done"


@pytest.mark.parametrize("value", ["30%", "-1", "", "1e2", "thirty"])
def test_a_limit_of_time_that_is_no_number_closes_the_gpu(container: Container, tmp_path: Path, value: str) -> None:
    container.environment |= {
        "CUDA_DEVICE_SM_LIMIT_0": value,
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(tmp_path / "cache"),
    }
    assert container.client().allocate(512)[0] == OUT_OF_MEMORY
