"""Fixtures for the tests of libvgpu.so: a simulated machine, share folders, and C programs that run on both."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.unit.vgpu.container import GIB, Container

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "tests/native/core"
PROGRAMS = ROOT / "build/tests/core"


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the compiled test programs; compiled by whichever worker comes first."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    with (PROGRAMS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compiler = f"ZIGCC={sys.executable} -m ziglang cc"
        made = subprocess.run(
            ["make", "-s", "-C", SOURCES, f"OUT={PROGRAMS}", compiler], capture_output=True, text=True
        )
    assert made.returncode == 0, made.stderr
    return PROGRAMS


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Two GPUs of 16 GiB."""
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB))


@pytest.fixture
def container(tmp_path: Path, machine: Machine, programs: Path) -> Iterator[Container]:
    """What runs in it has libvgpu.so and the machine's driver, and the shares that a test gives it."""
    container = Container(tmp_path / "shares", machine, programs)
    yield container
    container.stop()
