"""Memory of one share: what is counted, shown and refused."""

import pytest

from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container

WAYS_TO_FIND_FUNCTIONS = ["dlsym", "procaddress", "per-thread"]
KINDS = ["alloc", "managed", "async", "pool", "create"]


@pytest.mark.parametrize("how", WAYS_TO_FIND_FUNCTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_fits_and_one_mib_more_does_not(container: Container, how: str, kind: str) -> None:
    container.grant(0, 4 * GIB)
    client = container.client(how)
    assert client.allocate(4 * GIB + MIB, kind)[0] == OUT_OF_MEMORY
    result, key = client.allocate(4 * GIB, kind)
    assert result == SUCCESS
    assert client.info() == (0, 4 * GIB)
    assert client.allocate(MIB, kind)[0] == OUT_OF_MEMORY
    assert client.release(key, kind) == SUCCESS
    assert client.info() == (4 * GIB, 4 * GIB)
    assert client.allocate(4 * GIB, kind)[0] == SUCCESS


def test_the_padding_of_pitched_memory_counts(container: Container) -> None:
    container.grant(0, 1024 * 1024)
    client = container.client()
    result, key = client.allocate(1024, "pitch")  # rows of 1000 bytes lie 1024 apart
    assert result == SUCCESS
    assert client.info() == (0, 1024 * 1024)
    assert client.release(key) == SUCCESS
    assert client.allocate(1025, "pitch")[0] == OUT_OF_MEMORY
    assert client.used() == 0
    assert container.used_on(0) == 0


@pytest.mark.parametrize("kind", ["alloc", "managed"])
def test_small_allocations_count_as_what_the_driver_takes_for_them(container: Container, kind: str) -> None:
    """In whole granules of 512 bytes: many of a byte would take 512 times the limit."""
    container.grant(0, MIB)
    client = container.client()
    for _ in range(MIB // 512):
        assert client.allocate(1, kind)[0] == SUCCESS
    assert client.allocate(1, kind)[0] == OUT_OF_MEMORY
    assert client.used() == MIB
    assert container.used_on(0) == (MIB if kind == "alloc" else 0)


def test_what_the_driver_refuses_is_given_back(container: Container) -> None:
    share = container.grant(0, 32 * GIB)  # more than the GPU has
    client = container.client()
    assert client.info() == (16 * GIB, 16 * GIB)
    assert client.allocate(20 * GIB)[0] == OUT_OF_MEMORY
    assert container.use(share) == {client.pid: 0}
    assert client.allocate(16 * GIB)[0] == SUCCESS


def test_freeing_what_is_unknown_or_freed_changes_nothing(container: Container) -> None:
    container.grant(0, GIB)
    client = container.client()
    _, kept = client.allocate(MIB)
    _, freed = client.allocate(MIB)
    assert client.release(freed) == SUCCESS
    assert client.release(freed) != SUCCESS
    assert client.release(0x1234) != SUCCESS
    assert client.used() == MIB
    assert client.release(kept) == SUCCESS


def test_sizes_at_the_edge_of_64_bits_are_refused(container: Container) -> None:
    container.grant(0, GIB)
    client = container.client()
    client.allocate(MIB)
    for size in (2**63, 2**64 - 1, 2**64 - MIB):
        assert client.allocate(size)[0] == OUT_OF_MEMORY
        assert client.allocate(size, "pitch")[0] == OUT_OF_MEMORY
    assert client.used() == MIB


def test_total_memory_is_the_limit(container: Container) -> None:
    container.grant(0, 3 * GIB)
    assert container.client().total() == 3 * GIB


def test_a_gpu_without_a_share_is_left_alone(container: Container) -> None:
    container.grant(0, GIB)
    client = container.client()
    assert client.ask("device - 1") == [SUCCESS]
    assert client.info() == (16 * GIB, 16 * GIB)
    assert client.allocate(16 * GIB)[0] == SUCCESS


def test_two_shares_of_one_gpu_add_up(container: Container) -> None:
    first, second = container.grant(0, 1 * GIB), container.grant(0, 2 * GIB)
    client = container.client()
    assert client.total() == 3 * GIB
    result, key = client.allocate(3 * GIB)
    assert result == SUCCESS
    assert container.use(first) == {client.pid: 1 * GIB}
    assert container.use(second) == {client.pid: 2 * GIB}
    assert client.allocate(512)[0] == OUT_OF_MEMORY
    assert client.release(key) == SUCCESS
    assert client.allocate(3 * GIB + 512)[0] == OUT_OF_MEMORY
    assert client.info() == (3 * GIB, 3 * GIB)


def test_a_hundred_shares_of_one_gpu_add_up(container: Container) -> None:
    """Their folder is longer than what is read of it at once."""
    for _ in range(100):
        container.grant(0, 10 * MIB)
    assert container.client().info() == (1000 * MIB, 1000 * MIB)


def test_a_changed_limit_holds_for_running_processes(container: Container) -> None:
    share = container.grant(0, 3 * GIB)
    client = container.client()
    _, key = client.allocate(2 * GIB)
    container.resize(share, 1 * GIB)
    assert client.info() == (0, 1 * GIB)
    assert client.allocate(512)[0] == OUT_OF_MEMORY
    assert client.release(key) == SUCCESS
    assert client.allocate(1 * GIB + 512)[0] == OUT_OF_MEMORY
    container.resize(share, 3 * GIB)
    assert client.allocate(3 * GIB)[0] == SUCCESS


LIMIT_CHANGED_BEFORE_FIRST_USE = """
import json, os
from pathlib import Path
from cuda.bindings import driver as cuda
from hami_dra.shares import ShareFolders

cuda.cuInit(0)
cuda.cuDeviceTotalMem(1)  # by now all limits have been read, and no region
folders = ShareFolders(Path(os.environ["HAMI_DRA_SHARES"]))
folders.resize(next(folders.shares()), 1 << 30)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
print(json.dumps([cuda.cuDeviceTotalMem(0)[1], cuda.cuMemAlloc((1 << 30) + 512)[0].value]))
"""


@pytest.mark.parametrize("changes", [0, 1], ids=["never changed before", "changed before"])
def test_a_limit_that_is_changed_before_its_first_use_holds(container: Container, changes: int) -> None:
    share = container.grant(0, 4 * GIB)
    for _ in range(changes):
        container.resize(share, 2 * GIB)
    assert container.python(LIMIT_CHANGED_BEFORE_FIRST_USE) == [1 * GIB, OUT_OF_MEMORY]
