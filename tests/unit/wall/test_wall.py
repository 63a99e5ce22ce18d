"""libvgpu.so and the driver's own limit on a container: who gets around the one meets the other, and both agree."""

import json
import os
import sys
from pathlib import Path

import pytest

from hami_dra.shares.folder import ShareFolders
from hami_dra.shares.share import Share
from tests.native.hostile.programs import compile_hostile
from tests.native.sim.cgroups import inside
from tests.unit.ocihook.hook import Hook
from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container
from tests.unit.wall.conftest import CONTEXT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")

UNLIMITED = {
    "CUDA_DEVICE_MEMORY_LIMIT": "0",
    "CUDA_DEVICE_MEMORY_LIMIT_0": "0",
    "CUDA_DEVICE_MEMORY_SHARED_CACHE": "/nonexistent/cache",
    "CUDA_DISABLE_CONTROL": "true",
    "GPU_CORE_UTILIZATION_POLICY": "DISABLE",
    "NVIDIA_GPU_MEMORY_LIMIT": "999999",
    "NVIDIA_GPU_MEMORY_REQUEST": "999999",
}


@pytest.fixture
def shares(container: Container) -> list[Share]:
    """4 GiB of the first GPU and 8 GiB of the second."""
    return [container.grant(0, 4 * GIB), container.grant(1, 8 * GIB)]


def enforce(hook: Hook, container: Container, *shares: Share) -> None:
    """Start the container, for its runtime: the driver limits whoever is in its cgroup."""
    for share in shares:
        assert hook.run(container.folder(share)) == ""


def take(container: Container, group: Path, way: str) -> dict[str, tuple[int, int]]:
    """By a GPU's UUID: the bytes that a program takes of it in its way, the context included, and the total shown."""
    folder = compile_hostile()
    programs = {"own_loader": (folder / "own_loader", folder / "take", "plain")}
    command = programs.get(way, (folder / "take", way))
    done = container.run(*inside(group), *command, container.machine.library_dir / "libcuda.so.1")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    return {uuid: (int(taken) + CONTEXT, int(total)) for uuid, taken, total in rows}


@pytest.mark.not_sanitized(reason="it loads the driver without what it is preloaded with")
@pytest.mark.parametrize("way", ["by-hand", "dlmopen", "own_loader"])
def test_who_gets_around_the_library_is_held_by_the_driver(
    hook: Hook, container: Container, shares: list[Share], group: Path, way: str
) -> None:
    first, second = (gpu.uuid for gpu in container.machine.gpus)
    assert take(container, group, way) == {first: (16 * GIB, 16 * GIB), second: (16 * GIB, 16 * GIB)}
    enforce(hook, container, *shares)
    granted = {first: (4 * GIB, 4 * GIB), second: (8 * GIB, 8 * GIB)}
    assert take(container, group, way) == granted
    container.environment.update(UNLIMITED)
    assert take(container, group, way) == granted
    assert take(container, group, "plain") == granted


def test_an_honest_program_sees_the_same_with_and_without_the_driver(
    hook: Hook, container: Container, shares: list[Share], group: Path
) -> None:
    seen = []
    for _ in range(2):
        client = container.client(through=inside(group))
        start = (client.info(), client.total())
        assert client.allocate(4 * GIB - CONTEXT + 1)[0] == OUT_OF_MEMORY
        assert client.allocate(GIB)[0] == SUCCESS
        assert client.allocate(MIB, "managed")[0] == SUCCESS
        seen.append((start, client.info(), client.total()))
        client.kill()
        enforce(hook, container, *shares)
    assert seen[0] == seen[1]
    assert seen[0][:2] == (((4 * GIB - CONTEXT, 4 * GIB), 4 * GIB), (3 * GIB - CONTEXT - MIB, 4 * GIB))


def test_nvml_shows_the_same_with_and_without_the_driver(
    hook: Hook, container: Container, shares: list[Share], group: Path
) -> None:
    program = """
import json
from pynvml import *
nvmlInit()
seen = []
for index in range(2):
    device = nvmlDeviceGetHandleByIndex(index)
    old, new = nvmlDeviceGetMemoryInfo(device), nvmlDeviceGetMemoryInfo(device, version=nvmlMemory_v2)
    seen.append([old.total, old.free, old.used, new.total, new.free, new.used, new.reserved])
print(json.dumps(seen))
"""
    client = container.client(through=inside(group))
    assert client.allocate(GIB)[0] == SUCCESS
    before = container.python(program)
    enforce(hook, container, *shares)
    done = container.run(*inside(group), sys.executable, "-c", program)
    used = GIB + CONTEXT
    assert json.loads(done.stdout) == before
    assert before == [
        [4 * GIB, 4 * GIB - used, used, 4 * GIB, 4 * GIB - used, used, 0],
        [8 * GIB, 8 * GIB, 0, 8 * GIB, 8 * GIB, 0, 0],
    ]


def test_no_memory_is_shown_as_free_that_the_driver_would_refuse(
    hook: Hook, container: Container, shares: list[Share], group: Path
) -> None:
    """A program in the same container gets around the library: the driver alone counts it."""
    enforce(hook, container, *shares)
    client = container.client(through=inside(group))
    around = container.client(through=inside(group), LD_PRELOAD=os.environ.get("LD_PRELOAD", ""))
    assert around.allocate(3 * GIB)[0] == SUCCESS
    left = GIB - 2 * CONTEXT
    assert client.info() == (left, 4 * GIB)
    assert client.allocate(left + 512)[0] == OUT_OF_MEMORY
    assert client.allocate(left)[0] == SUCCESS
    assert client.info() == (0, 4 * GIB)
    around.kill()
    assert client.info() == (4 * GIB - CONTEXT - left, 4 * GIB)


def test_shares_of_one_gpu_add_up_in_both(hook: Hook, container: Container, group: Path) -> None:
    enforce(hook, container, container.grant(0, GIB), container.grant(0, 2 * GIB))
    client = container.client(through=inside(group))
    assert client.info() == (3 * GIB - CONTEXT, 3 * GIB)
    assert client.allocate(3 * GIB - CONTEXT)[0] == SUCCESS
    assert [limit.used for limit in hook.limits(0)] == [3 * GIB]


def test_a_share_that_is_resized_is_the_same_in_both(hook: Hook, container: Container, group: Path) -> None:
    share = container.grant(0, 2 * GIB)
    folders = ShareFolders(container.shares)
    folders.resize(share, GIB)
    enforce(hook, container, share)
    client = container.client(through=inside(group))
    folders.resize(share, 2 * GIB)
    assert client.info() == (GIB - CONTEXT, GIB)
    enforce(hook, container, share)
    assert client.info() == (2 * GIB - CONTEXT, 2 * GIB)
    assert client.allocate(2 * GIB - CONTEXT)[0] == SUCCESS
