"""Fixtures of both: a container with libvgpu.so, in a cgroup that hami-dra-oci-hook has the driver limit."""

from pathlib import Path

import pytest

from hami_dra.sim import LimitsBackend, Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.unit.ocihook.conftest import group, hook
from tests.unit.vgpu.conftest import container, programs
from tests.unit.vgpu.container import GIB, MIB

__all__ = ["container", "group", "hook", "programs"]

CONTEXT = 300 * MIB


@pytest.fixture(params=["misc", "dmem"])
def backend(request: pytest.FixtureRequest) -> LimitsBackend:
    """By which the driver limits cgroups: who is held there sees no difference."""
    chosen: LimitsBackend = request.param
    return chosen


@pytest.fixture
def machine(tmp_path: Path, backend: LimitsBackend) -> Machine:
    """Two GPUs of 16 GiB, on which a context costs what it does on real ones."""
    driver = SimulatedDriver("615.71.09", "13.4", context_memory_bytes=CONTEXT, limits_backend=backend)
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB), driver)
