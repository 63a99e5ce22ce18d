"""Broken share folders: memory is refused, and nothing crashes."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hami_dra.shares import region as region_layout
from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container

LEDGER_OFFSET, LEDGER_SIZE = 64, 16  # of a region: native/abi/share.h


def _corrupt(offset: int, content: bytes = b"\xff\xff") -> Callable[[Path], None]:
    def change(region: Path) -> None:
        with region.open("r+b") as file:
            file.seek(offset)
            file.write(content)

    return change


def _cut_to(size: int) -> Callable[[Path], None]:
    return lambda region: os.truncate(region, size)


def _replace_by_folder(region: Path) -> None:
    region.unlink()
    region.mkdir()


def _replace_by_pipe(region: Path) -> None:
    region.unlink()
    os.mkfifo(region)


BROKEN_REGIONS: dict[str, Callable[[Path], None]] = {
    "missing": Path.unlink,
    "short": _cut_to(4096),
    "empty": _cut_to(0),
    "other magic": _corrupt(0),
    "newer abi": _corrupt(8),
    "older abi": _corrupt(8, bytes([region_layout.ABI - 1])),
    "other slot count": _corrupt(12),
    "folder": _replace_by_folder,
    "pipe": _replace_by_pipe,
}


@pytest.mark.parametrize("broken", BROKEN_REGIONS)
def test_a_broken_region_closes_its_gpu(container: Container, broken: str) -> None:
    share = container.grant(0, GIB)
    BROKEN_REGIONS[broken](container.folder(share) / "region")
    client = container.client()
    assert client.allocate(512)[0] == OUT_OF_MEMORY
    assert client.info() == (0, GIB)
    assert client.ask("device - 1") == [SUCCESS]
    assert client.allocate(512)[0] == SUCCESS


def test_a_region_that_is_mended_serves_again(container: Container) -> None:
    share = container.grant(0, GIB)
    (container.folder(share) / "region").unlink()
    client = container.client()
    assert client.allocate(MIB)[0] == OUT_OF_MEMORY
    container.folder(share).rename(container.shares / ".broken")
    container.write(share)
    assert client.allocate(MIB)[0] == SUCCESS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "version 1\n",
        "version 2\ngpu {gpu}\nmemory 1\n",
        "version 1\ngpu {gpu}\nmemory -1\n",
        "version 1\ngpu {gpu}\nmemory 1Gi\n",
        "version 1\ngpu {gpu}\nmemory 1",
        "version 1\ngpu {gpu}\nmemory 1\nmemory 2\n",
        "version 1\ngpu 0\nmemory 1\n",
    ],
)
def test_limits_that_cannot_be_read_close_every_gpu_without_another_share(container: Container, text: str) -> None:
    container.grant(1, GIB)
    share = container.grant(0, GIB)
    (container.folder(share) / "limits").write_text(text.format(gpu=share.gpu_uuid))
    client = container.client()
    assert client.allocate(512)[0] == OUT_OF_MEMORY
    assert client.info() == (0, 0)
    assert client.ask("device - 1") == [SUCCESS]
    assert client.allocate(GIB)[0] == SUCCESS


def test_limits_that_break_while_in_use_refuse_until_they_are_mended(container: Container) -> None:
    share = container.grant(0, GIB)
    client = container.client()
    _, key = client.allocate(MIB)
    (container.folder(share) / "limits").unlink()
    _raise_generation(container.folder(share) / "region")
    assert client.allocate(MIB)[0] == OUT_OF_MEMORY
    assert client.release(key) == SUCCESS
    container.write(share)
    assert client.allocate(GIB)[0] == SUCCESS


def _raise_generation(region: Path) -> None:
    with region.open("r+b") as file:
        file.seek(16)
        file.write(b"\x07")


def test_a_folder_of_shares_that_is_missing_closes_all(container: Container) -> None:
    client = container.client(HAMI_DRA_SHARES="/nowhere", LIBCUDA_LOG_LEVEL="")
    assert client.allocate(512)[0] == OUT_OF_MEMORY


def test_a_process_that_is_stopped_while_others_wait_for_it_holds_up_none_for_long(container: Container) -> None:
    share = container.grant(0, GIB)
    client = container.client()
    with (container.folder(share) / "region").open("r+b") as region:
        fcntl.lockf(region, fcntl.LOCK_EX, LEDGER_SIZE, LEDGER_OFFSET)  # as one has it that is stopped at both
        assert client.allocate(MIB)[0] == SUCCESS
        assert client.allocate(GIB)[0] == OUT_OF_MEMORY
        assert client.allocate(GIB - MIB)[0] == SUCCESS


def test_a_ledger_that_a_tenant_scribbled_on_neither_crashes_nor_wraps(container: Container) -> None:
    share = container.grant(0, GIB)
    client = container.client()
    _, key = client.allocate(100 * MIB)
    with (container.folder(share) / "region").open("r+b") as file:
        file.seek(64)
        file.write(b"\x01" + bytes(7) + b"\xff" * 8)  # used: 1 byte; op: of a slot that there is not
    assert client.release(key) == SUCCESS
    assert client.info() == (GIB, GIB)
    assert client.allocate(GIB)[0] == SUCCESS


def test_no_lie_in_a_region_gives_a_process_more_than_the_limit(container: Container) -> None:
    share = container.grant(0, GIB)
    client = container.client()
    assert client.allocate(600 * MIB)[0] == SUCCESS
    with (container.folder(share) / "region").open("r+b") as file:
        os.pwrite(file.fileno(), (601 * MIB).to_bytes(8, "little"), 64)  # the ledger: someone else holds some
        dead = region_layout.SLOT.pack(0, 0, 0, 0, 2**63, 0, 0, 1)
        os.pwrite(file.fileno(), dead, region_layout.SLOTS_OFFSET + 7 * region_layout.SLOT.size)
    assert client.allocate(GIB)[0] == OUT_OF_MEMORY
    assert client.allocate(424 * MIB)[0] == SUCCESS
    assert container.used_on(0) == GIB
