"""As many processes as a share can have, of other users too, and what becomes of a slot across fork and exec."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hami_dra.shares.region import SLOTS
from hami_dra.sim import SimulatedDriver, create_machine, simulated_gpus
from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container

NOBODY = 65534

ALLOCATE = """
from cuda.bindings import driver as cuda

cuda.cuInit(0)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
assert cuda.cuMemAlloc(600 << 20)[0] == 0
"""


class Crowd:
    """A running tests/native/core/crowd.c."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.given = self._answer()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def kill(self, count: int) -> int:
        """Kill so many of it and return how many are left."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return self._answer()


@contextmanager
def crowd(container: Container, folder: Path | str, count: int, size: int) -> Iterator[Crowd]:
    """Of a share's folder without a driver, or by `cuda`, the driver behind libvgpu.so."""
    with container.start("crowd", str(folder), str(count), str(size)) as process:
        try:
            yield Crowd(process)
        finally:
            process.kill()


def test_a_thousand_processes_are_counted_and_leave_nothing(container: Container) -> None:
    share = container.grant(0, GIB)
    with crowd(container, container.folder(share), 1000, MIB) as thousand:
        assert thousand.given == 1000
        assert list(container.use(share).values()) == [MIB] * 1000
        client = container.client()
        assert client.allocate(24 * MIB)[0] == SUCCESS
        assert client.allocate(1)[0] == OUT_OF_MEMORY
        assert thousand.kill(1000) == 0
        assert client.allocate(1000 * MIB)[0] == SUCCESS
        assert container.use(share) == {client.pid: GIB}


@pytest.mark.not_sanitized(reason="a sanitizer's own memory, a thousand times")
def test_a_thousand_processes_use_cuda_and_leave_nothing(container: Container, tmp_path: Path) -> None:
    # A driver that tells of no process, since the simulated one would look for each of them whenever another starts.
    driver = SimulatedDriver(process_list="absent")
    container.machine = create_machine(tmp_path / "absent", simulated_gpus(1, memory_bytes=2 * GIB), driver)
    share = container.grant(0, GIB)
    with crowd(container, "cuda", 1000, MIB) as thousand:
        assert thousand.given == 1000
        assert list(container.use(share).values()) == [MIB] * 1000
        client = container.client()
        assert client.info() == (24 * MIB, GIB)
        assert client.allocate(24 * MIB)[0] == SUCCESS
        assert client.allocate(1)[0] == OUT_OF_MEMORY
        assert sorted(_shown(container)) == ["1MiB"] * 1000 + ["24MiB"]
        assert thousand.kill(1000) == 0
        assert client.allocate(1000 * MIB)[0] == SUCCESS
        assert container.use(share) == {client.pid: GIB}


def test_a_context_is_counted_among_hundreds_that_nvml_lists(container: Container, tmp_path: Path) -> None:
    """NVML's list is asked for with room for 128 processes at first: 130 are there when the last ones ask."""
    driver = SimulatedDriver(context_memory_bytes=2 * MIB)
    container.machine = create_machine(tmp_path / "listing", simulated_gpus(1, memory_bytes=2 * GIB), driver)
    share = container.grant(0, GIB)
    with crowd(container, "cuda", 130, MIB) as many:
        assert many.given == 130
        client = container.client()
        assert client.allocate(MIB)[0] == SUCCESS
        assert list(container.use(share).values()) == [3 * MIB] * 131


def _shown(container: Container) -> list[str]:
    """What nvidia-smi says that each process has."""
    table = container.run(container.machine.smi).stdout.split("Processes:")[1]
    return [row.split()[-2] for row in table.splitlines() if "MiB" in row]


def test_where_all_slots_are_taken_memory_is_refused_until_one_is_free(container: Container) -> None:
    share = container.grant(0, GIB)
    with crowd(container, container.folder(share), SLOTS, 1) as full:
        assert full.given == SLOTS
        client = container.client()
        assert client.allocate(1)[0] == OUT_OF_MEMORY
        assert client.used() == SLOTS
        logged = container.run(sys.executable, "-c", ALLOCATE, LIBCUDA_LOG_LEVEL="0").stderr
        assert logged.count("region: has no slot left for another process; no memory is given from it\n") == 1
        assert full.kill(1) == SLOTS - 1
        assert client.allocate(512)[0] == SUCCESS
        assert client.used() == SLOTS - 1 + 512


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start processes of other users")
@pytest.mark.parametrize(("mode", "given"), [(0o666, 1), (0o444, 0)], ids=["writable", "not writable"])
def test_another_users_process_is_given_memory_if_it_can_account_for_it(
    container: Container, open_folder: Path, mode: int, given: int
) -> None:
    container.shares = open_folder / "shares"
    share = container.grant(0, GIB)
    (container.folder(share) / "region").chmod(mode)
    program = Path(shutil.copy(container.programs / "crowd", open_folder))
    others = subprocess.run(
        [program, container.folder(share), "1", str(MIB)], user=NOBODY, umask=0o077, input="", capture_output=True
    )
    assert others.stdout == b"%d\n" % given


def test_a_region_that_a_process_with_a_strict_umask_makes_is_for_all_users(
    container: Container, tmp_path: Path
) -> None:
    container.environment |= {
        "CUDA_DEVICE_MEMORY_LIMIT": "1g",
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(tmp_path / "cache"),
    }
    before = os.umask(0o077)
    try:
        client = container.client()
    finally:
        os.umask(before)
    assert client.allocate(GIB)[0] == SUCCESS
    (region,) = tmp_path.glob("cache.*")
    assert region.stat().st_mode & 0o777 == 0o666


STARTS_PROGRAMS = """
import json, os, subprocess, sys

def used():
    _, free, total = cuda.cuMemGetInfo()
    return (total - free) >> 20

seen = [used()]
subprocess.run(["true"], check=True, close_fds=False)  # by vfork
seen.append(used())
if (child := os.fork()) == 0:
    os.execvp("true", ["true"])
os.waitpid(child, 0)
seen.append(used())
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
seen.append(used())
child.communicate()
seen.append(used())
print(json.dumps(seen))
"""
STAYS = ALLOCATE.replace("600", "300") + "print(flush=True)\ninput()\n"


def test_programs_that_a_process_starts_count_for_themselves(container: Container) -> None:
    container.grant(0, GIB)
    done = container.run(sys.executable, "-c", ALLOCATE + STARTS_PROGRAMS, STAYS)
    assert done.stdout == "[600, 600, 600, 900, 600]\n", done.stderr


DIES_BEFORE_ITS_CHILD = """
import os, signal, subprocess

silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
print(subprocess.Popen(["sleep", "60"], close_fds=False, **silent).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_program_that_a_dead_process_has_started_keeps_nothing_of_its_memory(container: Container) -> None:
    container.grant(0, GIB)
    child = int(container.run(sys.executable, "-c", ALLOCATE + DIES_BEFORE_ITS_CHILD).stdout)
    try:
        assert container.client().allocate(GIB)[0] == SUCCESS
    finally:
        os.kill(child, 9)
