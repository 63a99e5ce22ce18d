"""Fixtures for the tests of libvgpu.so: a simulated machine, share folders, and C programs that run on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sanitizers import Sanitizer
from tests.unit.vgpu.container import GIB, Container
from tests.unit.vgpu.programs import compile_programs


@pytest.fixture(scope="session")
def programs(sanitizer: Sanitizer | None) -> Path:
    """The folder of the compiled test programs."""
    return compile_programs(sanitizer)


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
