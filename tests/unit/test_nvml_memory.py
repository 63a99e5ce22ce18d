"""The driver's memory limits, through NVIDIA's binding and the process that asks NVML, on real cgroups."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hami_dra.gpu import Holder, MemoryProcess, MemoryUnknownError, ask_inventory
from hami_dra.gpu.programs import nvml_program
from hami_dra.sim import LimitsBackend, Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.cgroups import cgroup, inside, keep_dmem, mount
from tests.processes import pids_of

GIB = 2**30
TAKE = """
import sys
from hami_dra.local.probe import Driver
driver = Driver()
driver.enter(0)
driver.allocate(int(sys.argv[1]))
print("taken", flush=True)
sys.stdin.read()
"""


with_both = pytest.mark.parametrize("backend", ["misc", "dmem"])


def machine_with(version: str, root: Path, backend: LimitsBackend = "misc") -> Machine:
    driver = SimulatedDriver(version=version, limits_backend=backend)
    return create_machine(root, simulated_gpus(2, memory_bytes=16 * GIB), driver)


@pytest.fixture
def backend() -> LimitsBackend:
    return "misc"


@pytest.fixture
def machine(tmp_path: Path, backend: LimitsBackend) -> Machine:
    return machine_with("615.71.09", tmp_path / "machine", backend)


@pytest.fixture
def container() -> Iterator[Path]:
    with cgroup() as made:
        yield made


@pytest.fixture
async def process(machine: Machine) -> AsyncIterator[MemoryProcess]:
    started = MemoryProcess(machine.root)
    yield started
    await started.end()


@pytest.fixture
async def frozen() -> AsyncIterator[Path]:
    """A cgroup of version 1 whose processes can be frozen; those thaw, and end if they were told to, in the end."""
    folder = Path(f"/sys/fs/cgroup/freezer/hami-test-{os.getpid()}")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"there is no freezer of cgroup version 1 here: {error}")
    try:
        yield folder
    finally:
        (folder / "freezer.state").write_text("THAWED")
        async with asyncio.timeout(20):
            while (folder / "cgroup.procs").read_text():
                await asyncio.sleep(0.01)
        folder.rmdir()


class Taken:
    """A process in a cgroup that holds memory of the first GPU while the context is entered."""

    def __init__(self, machine: Machine, container: Path, size: int) -> None:
        self._command = [*inside(container), sys.executable, "-c", TAKE, str(size)]
        self._environment = {"LD_LIBRARY_PATH": str(machine.library_dir), "PATH": "/usr/bin:/bin"}

    def __enter__(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(self._command, env=self._environment, **pipes)  # type: ignore[call-overload]
        assert self._process.stdout.readline() == b"taken\n"

    def __exit__(self, *_: object) -> None:
        self._process.communicate(b"")


@with_both
async def test_gpus_of_a_driver_with_limits_say_so_and_nothing_is_left_of_the_trial(machine: Machine) -> None:
    with cgroup() as made:  # or the test is skipped
        gpus = await ask_inventory(machine.root)
        assert [(gpu.memory_enforcement, gpu.limit_obstacle) for gpu in gpus] == [("driver", "")] * 2
        found = list(made.parent.glob("hami-dra-probe-*"))  # by other tests too, which are at it just now
        async with asyncio.timeout(10):
            while any(each.exists() for each in found):
                await asyncio.sleep(0.01)
        assert [gpu.limits for gpu in machine.usage()] == [[], []]


async def test_gpus_of_an_older_driver_say_what_is_missing(tmp_path: Path) -> None:
    with cgroup():
        (gpu, _) = await ask_inventory(machine_with("580.65.06", tmp_path).root)
    assert gpu.memory_enforcement == "library"
    assert gpu.limit_obstacle.startswith("this driver knows no memory limits: they came with R615")


@pytest.mark.parametrize("backend", ["dmem"])
def test_gpus_say_where_the_kernel_does_not_hand_its_controller_down(machine: Machine, container: Path) -> None:
    """It is tried beside the plugin's own container, in the pod's cgroup: there, and not further up, it is missing."""
    own = container / "plugin"
    own.mkdir()
    ask = (*inside(own), *nvml_program("inventory", machine.root))
    assert b'"limit_obstacle": ""' in subprocess.run(ask, capture_output=True, check=True).stdout
    keep_dmem(container)
    said = subprocess.run(ask, capture_output=True, check=True).stdout.decode()
    assert f"the kernel's controller dmem is not handed down to {container}: write +dmem into" in said


async def test_abandoned_trial_is_removed(machine: Machine) -> None:
    with cgroup():
        tree = mount()
        assert tree
        abandoned = tree / "hami-dra-probe-0-17-4711"  # made when the machine booted
        abandoned.mkdir()
        await ask_inventory(machine.root)
        assert not abandoned.exists()


@with_both
async def test_limit_is_set_kept_and_set_again(machine: Machine, container: Path, process: MemoryProcess) -> None:
    holder = Holder(machine.gpus[0].uuid, str(container), 4 * GIB)
    (first,) = await process.ask([holder])
    assert (first.limited, first.found, first.used) == ("repaired", None, 0)
    (second,) = await process.ask([holder])
    assert (second.limited, second.used) == ("kept", 0)
    (third,) = await process.ask([Holder(holder.gpu_uuid, holder.cgroup, 5 * GIB)])
    assert (third.limited, third.found) == ("repaired", 4 * GIB)
    machine.fault(machine.gpus[0].uuid, "reset=1")
    (fourth,) = await process.ask([holder])
    assert (fourth.limited, fourth.found) == ("repaired", None)


@with_both
async def test_driver_tells_what_a_cgroup_uses(machine: Machine, container: Path, process: MemoryProcess) -> None:
    with Taken(machine, container, 3 * GIB):
        gpu, other = (each.uuid for each in machine.gpus)
        holders = [Holder(gpu, str(container), 4 * GIB), Holder(gpu, str(container), None)]
        found = await process.ask([*holders, Holder(other, str(container), None)])
    held, counted = (each for each in found if each.gpu_uuid == gpu)
    assert (held.limited, held.used) == ("repaired", 3 * GIB)
    assert (counted.limited, counted.used) == ("not asked", 3 * GIB)
    assert [each.used for each in found if each.gpu_uuid == other] == [0]


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        ("misc", "Invalid Argument"),
        (
            "dmem",
            f"the driver was told a limit of {4 * GIB} bytes and has none, while {6 * GIB} are in use",
        ),
    ],
)
async def test_limit_that_the_driver_does_not_take_is_missing(
    machine: Machine, container: Path, process: MemoryProcess, problem: str
) -> None:
    with Taken(machine, container, 6 * GIB):
        (holding,) = await process.ask([Holder(machine.gpus[0].uuid, str(container), 4 * GIB)])
    assert (holding.limited, holding.problem) == ("missing", problem)


async def test_process_that_ends_is_told_of_and_begun_anew(machine: Machine, container: Path) -> None:
    process = MemoryProcess(machine.root)
    holder = Holder(machine.gpus[0].uuid, str(container), None)
    library = machine.library_dir / "libnvidia-ml.so.1"
    elsewhere = library.rename(library.with_name("elsewhere"))
    with pytest.raises(MemoryUnknownError, match=r"there is no libnvidia-ml\.so\.1"):
        await process.ask([holder])
    elsewhere.rename(library)
    assert len(await process.ask([holder])) == 1
    await process.end()
    assert len(await process.ask([holder])) == 1
    await process.end()


async def test_nvml_that_hangs_is_given_up_on(
    machine: Machine, container: Path, process: MemoryProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.gpu.memory_process._PATIENCE_SECONDS", 2)
    holder = Holder(machine.gpus[0].uuid, str(container), None)
    await process.ask([holder])
    machine.fault(holder.gpu_uuid, "hung=1")
    with pytest.raises(MemoryUnknownError, match="NVML has not answered for 2 s"):
        await asyncio.wait_for(process.ask([holder]), 20)
    machine.fault(holder.gpu_uuid, "hung=0")
    await process.ask([holder])


async def test_gpu_that_hangs_keeps_no_other_from_being_asked(
    machine: Machine, container: Path, process: MemoryProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.gpu.memory_process._LATECOMERS_SECONDS", 1)
    ill, well = (Holder(gpu.uuid, str(container), None) for gpu in machine.gpus)

    async def answering() -> list[str]:
        return sorted(holding.gpu_uuid for holding in await process.ask([ill, well]))

    both = await answering()
    assert both == sorted([ill.gpu_uuid, well.gpu_uuid])
    machine.fault(ill.gpu_uuid, "hung=1")
    for _ in range(3):
        assert await answering() == [well.gpu_uuid]
    machine.fault(ill.gpu_uuid, "hung=0")
    async with asyncio.timeout(20):
        while await answering() != both:
            await asyncio.sleep(0.01)


async def test_processes_that_the_driver_holds_in_the_kernel_are_left_behind_and_do_not_become_many(
    machine: Machine, container: Path, process: MemoryProcess, frozen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's freezer of cgroup version 1 keeps a process from its end as well."""
    holder = Holder(machine.gpus[0].uuid, str(container), None)
    left: set[int] = set()
    (frozen / "freezer.state").write_text("FROZEN")
    for _ in range(3):
        monkeypatch.setattr("hami_dra.gpu.memory_process._PATIENCE_SECONDS", 20)
        await process.ask([holder])
        (pid,) = set(pids_of("hami_dra.nvml.memory", str(machine.root))) - left
        (frozen / "cgroup.procs").write_text(str(pid))
        left.add(pid)
        monkeypatch.setattr("hami_dra.gpu.memory_process._PATIENCE_SECONDS", 1)
        with pytest.raises(MemoryUnknownError, match="NVML has not answered for 1 s"):
            await asyncio.wait_for(process.ask([holder]), 20)
    with pytest.raises(MemoryUnknownError, match="no answer: the driver holds the 3 processes that asked it last"):
        await process.ask([holder])
    assert set(pids_of("hami_dra.nvml.memory", str(machine.root))) == left
    (frozen / "freezer.state").write_text("THAWED")
    async with asyncio.timeout(20):
        while not await answers(process, holder):
            await asyncio.sleep(0.01)


async def answers(process: MemoryProcess, holder: Holder) -> bool:
    try:
        return len(await process.ask([holder])) == 1
    except MemoryUnknownError:
        return False
