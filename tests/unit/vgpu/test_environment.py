"""HAMi-core's environment contract, for containers without share folders."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container


@pytest.fixture
def cache(container: Container, tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    container.environment["CUDA_DEVICE_MEMORY_SHARED_CACHE"] = str(path)
    return path


@pytest.mark.usefixtures("cache")
def test_each_gpu_has_its_own_limit_or_the_common_one(container: Container) -> None:
    container.environment |= {"CUDA_DEVICE_MEMORY_LIMIT": "3g", "CUDA_DEVICE_MEMORY_LIMIT_1": "1024m"}
    client = container.client()
    assert client.total() == 3 * GIB
    client.ask("device - 1")
    assert client.total() == GIB
    assert client.allocate(GIB + MIB)[0] == OUT_OF_MEMORY
    assert client.allocate(GIB)[0] == SUCCESS


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("visible", ["1", "1,0"])
def test_hiding_and_reordering_gpus_moves_no_limit(container: Container, visible: str) -> None:
    container.environment |= {"CUDA_DEVICE_MEMORY_LIMIT_0": "4g", "CUDA_DEVICE_MEMORY_LIMIT_1": "1g"}
    client = container.client(CUDA_VISIBLE_DEVICES=visible)
    assert client.total() == GIB
    assert client.allocate(GIB + MIB)[0] == OUT_OF_MEMORY


@pytest.mark.usefixtures("cache")
def test_processes_share_a_limit(container: Container) -> None:
    container.environment["CUDA_DEVICE_MEMORY_LIMIT"] = "1GiB"
    first, second = container.client(), container.client()
    first.allocate(GIB - MIB)
    assert second.info() == (MIB, GIB)
    assert second.allocate(2 * MIB)[0] == OUT_OF_MEMORY
    first.kill()
    assert second.allocate(GIB)[0] == SUCCESS


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("value", ["1.5g", "-1", "4gg", "1t", "", " 1g", "unlimited", "0x10", "9223372036854775808"])
def test_a_value_that_is_not_understood_closes_the_gpu(container: Container, value: str) -> None:
    container.environment["CUDA_DEVICE_MEMORY_LIMIT_0"] = value
    client = container.client()
    assert client.info() == (0, 0)
    assert client.allocate(512)[0] == OUT_OF_MEMORY
    client.ask("device - 1")
    assert client.allocate(16 * GIB)[0] == SUCCESS


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("suffix", ["_O", "_01", "_", "S", "_-1", "_0 ", "_0_1", "_99999"])
def test_a_name_that_is_not_understood_closes_all_gpus(container: Container, suffix: str) -> None:
    container.environment |= {"CUDA_DEVICE_MEMORY_LIMIT_0": "1g", f"CUDA_DEVICE_MEMORY_LIMIT{suffix}": "1g"}
    client = container.client()
    for device in range(2):
        client.ask(f"device - {device}")
        assert client.info() == (0, 0)
        assert client.allocate(512)[0] == OUT_OF_MEMORY


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("value", ["1k", "1Ki", "1kb", "1KiB", "1024"])
def test_a_limit_may_have_any_of_the_units(container: Container, value: str) -> None:
    container.environment["CUDA_DEVICE_MEMORY_LIMIT"] = value
    assert container.client().total() == 1024


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("environment", [{}, {"CUDA_DEVICE_MEMORY_LIMIT": "0"}])
def test_zero_or_absent_is_no_limit(container: Container, environment: dict[str, str]) -> None:
    container.environment |= environment
    client = container.client()
    assert client.info() == (16 * GIB, 16 * GIB)
    assert client.allocate(16 * GIB)[0] == SUCCESS


def test_a_cache_that_cannot_be_made_closes_the_gpu(container: Container) -> None:
    container.environment |= {
        "CUDA_DEVICE_MEMORY_LIMIT": "1g",
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": "/nowhere/cache",
    }
    assert container.client().allocate(512)[0] == OUT_OF_MEMORY


def test_a_cache_that_is_something_else_closes_the_gpu_and_stays(container: Container, cache: Path) -> None:
    container.environment["CUDA_DEVICE_MEMORY_LIMIT"] = "1g"
    foreign = Path(f"{cache}.{container.machine.gpus[0].uuid}")
    foreign.write_bytes(b"precious" * 40000)
    assert container.client().allocate(512)[0] == OUT_OF_MEMORY
    assert foreign.read_bytes() == b"precious" * 40000


ALLOCATE = """
from cuda.bindings import driver as cuda
cuda.cuInit(0)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
print(int(cuda.cuMemAlloc(1)[0]))
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting a file system needs root")
def test_a_file_system_without_room_for_the_cache_closes_the_gpu(container: Container, tmp_path: Path) -> None:
    """A page that the file system cannot give would kill the program."""
    small = tmp_path / "small"
    small.mkdir()
    container.environment |= {
        "CUDA_DEVICE_MEMORY_LIMIT": "1g",
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(small / "cache"),
    }
    mount = 'mount -t tmpfs -o size=4k none "$0" && exec "$@"'
    done = container.run("unshare", "--mount", "sh", "-c", mount, small, sys.executable, "-c", ALLOCATE)
    assert (done.returncode, done.stdout) == (0, f"{OUT_OF_MEMORY}\n")


@pytest.mark.usefixtures("cache")
def test_a_process_that_may_make_no_file_so_long_has_its_gpu_closed(container: Container) -> None:
    """The kernel kills who makes a longer file than it may."""
    container.environment["CUDA_DEVICE_MEMORY_LIMIT"] = "1g"
    client = container.client(through=("sh", "-c", 'ulimit -f 8 && exec "$@"', "sh"))
    assert client.allocate(512)[0] == OUT_OF_MEMORY


@pytest.mark.usefixtures("cache")
def test_share_folders_come_before_the_environment(container: Container) -> None:
    container.grant(0, GIB)
    container.environment |= {"CUDA_DEVICE_MEMORY_LIMIT": "0", "CUDA_DEVICE_MEMORY_LIMIT_0": "8g"}
    client = container.client()
    assert client.total() == GIB
    assert client.allocate(GIB + MIB)[0] == OUT_OF_MEMORY
