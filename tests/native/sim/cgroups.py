"""Real cgroups (v2) for tests: made below the machine's own, and removed with what still runs in them."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


def mount() -> Path | None:
    """Where the cgroup v2 tree is mounted: /sys/fs/cgroup, or below it beside hierarchies of version 1."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            return Path(line.split()[4])
    return None


class NoCgroupError(Exception):
    """No cgroup can be made here; says why."""


@contextmanager
def new_cgroup() -> Iterator[Path]:
    """A new cgroup. Raises NoCgroupError."""
    tree = mount()
    if tree is None:
        raise NoCgroupError("there is no cgroup v2 here")
    folder = tree / f"hami-test-{uuid.uuid4()}"
    try:
        folder.mkdir()
    except OSError as error:
        raise NoCgroupError(f"no cgroup v2 can be made here: {error}") from error
    try:
        yield folder
    finally:
        remove(folder)


@contextmanager
def cgroup() -> Iterator[Path]:
    """A new cgroup; skips the test where none can be made."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(new_cgroup())
        except NoCgroupError as error:
            pytest.skip(str(error))
        yield folder


def remove(folder: Path) -> None:
    """Remove a cgroup and those below it, when the kernel has let go of the processes that were killed in it."""
    deadline = time.monotonic() + 30
    for each in [*sorted(folder.rglob("*/"), reverse=True), folder]:
        while each.exists():
            for pid in (each / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            try:
                each.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


@contextmanager
def waiting_in(folder: Path) -> Iterator[int]:
    """A process in a cgroup that does nothing, by its PID."""
    with subprocess.Popen([*inside(folder), "sleep", "infinity"]) as process:
        try:
            while str(process.pid) not in (folder / "cgroup.procs").read_text().split():
                assert process.poll() is None
            yield process.pid
        finally:
            process.kill()


def keep_dmem(folder: Path) -> None:
    """Have a cgroup hand the kernel's controller dmem down to none below it, as the simulated driver sees it."""
    os.setxattr(folder, "user.hami-sim.without-dmem", b"")


_ENTER = """
import os, sys
with open(f"{sys.argv[1]}/cgroup.procs", "w") as members:
    members.write("0")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def inside(folder: Path) -> tuple[str, ...]:
    """What a command is prefixed with to run in the cgroup. Not a shell: dash crashes with ThreadSanitizer."""
    return (sys.executable, "-I", "-S", "-c", _ENTER, str(folder))
