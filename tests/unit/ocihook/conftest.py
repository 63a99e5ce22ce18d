"""Fixtures for the tests of hami-dra-oci-hook: a machine, a container in a cgroup of its own, and its shares."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hami_dra.sim import LimitsBackend, Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sanitizers import ROOT, Sanitizer
from tests.native.sim.cgroups import cgroup, waiting_in
from tests.unit.ocihook.hook import GIB, Hook


@pytest.fixture(scope="session")
def odd_nvml(sanitizer: Sanitizer | None) -> Path:
    """The folder of libraries that misbehave, each named by how; whoever comes first compiles them."""
    folder = (sanitizer.folder if sanitizer else ROOT / "build") / "tests/ocihook"
    compiler = f"SANITIZE={sanitizer.flags}" if sanitizer else f"ZIGCC={sys.executable} -m ziglang cc"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            ["make", "-s", "-C", ROOT / "tests/native/ocihook", f"OUT={folder}", compiler],
            capture_output=True,
            text=True,
        )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def backend() -> LimitsBackend:
    """By which the driver limits cgroups; a test that is to run with both has it as a parameter."""
    return "misc"


@pytest.fixture
def machine(tmp_path: Path, backend: LimitsBackend) -> Machine:
    """Two GPUs of 16 GiB, whose driver can limit cgroups."""
    driver = SimulatedDriver(version="615.71.09", cuda_version="13.4", limits_backend=backend)
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB), driver)


@pytest.fixture
def group() -> Iterator[Path]:
    """The container's cgroup."""
    with cgroup() as folder:
        yield folder


@pytest.fixture
def hook(tmp_path: Path, machine: Machine, group: Path) -> Iterator[Hook]:
    """A container that is being created: its first process waits, and its shares note nobody yet."""
    with waiting_in(group) as pid:
        yield Hook(tmp_path / "shares", machine, pid)
