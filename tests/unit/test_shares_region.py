import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.shares import ProcessUse, read_use, region

NATIVE = Path(__file__).parents[2] / "native"
GIB = 2**30

# Takes a slot as libvgpu.so does: an open-file-description lock on the slot's bytes, held until the process ends.
HOLD_SLOT = """
import fcntl, os, struct, sys
start, length = int(sys.argv[2]), int(sys.argv[3])
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "region"
    path.write_bytes(region.empty())
    return path


def write_slot(path: Path, index: int, *, pid: int, done: int, used: tuple[int, int]) -> None:
    slot = region.SLOT.pack(done, done, 0, 0, *used, 0, pid)
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), slot, region.SLOTS_OFFSET + index * region.SLOT.size)


@contextmanager
def living_owner(path: Path, index: int) -> Iterator[subprocess.Popen[str]]:
    where = (str(region.SLOTS_OFFSET + index * region.SLOT.size), str(region.SLOT.size))
    command = [sys.executable, "-c", HOLD_SLOT, str(path), *where]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "held\n"
        try:
            yield owner
        finally:
            owner.kill()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """All slots are someone's, as far as the kernel knows."""
    with path.open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("@hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        yield


def offsets(layout: struct.Struct, names: list[str]) -> dict[str, int]:
    order, fields = layout.format[0], layout.format[1:]
    return {name: struct.calcsize(order + fields[:index]) for index, name in enumerate(names)}


def test_layout_is_that_of_share_h(tmp_path: Path) -> None:
    """The C compiler itself compares: each line fails to compile where the two sides differ."""
    slot_fields = ["seq", "done", "landed", "delta", "used[0]", "used[1]", "reserved", "pid"]
    header_fields = ["magic", "abi", "slot_count"]
    claims = [
        f"HAMI_REGION_MAGIC == UINT64_C({region.MAGIC})",
        f"HAMI_REGION_ABI == {region.ABI}",
        f"HAMI_REGION_SLOTS == {region.SLOTS}",
        f"sizeof(struct hami_region) == {region.SIZE}",
        f"sizeof(struct hami_slot) == {region.SLOT.size}",
        f"offsetof(struct hami_region, slots) == {region.SLOTS_OFFSET}",
        f"offsetof(struct hami_region, limits_generation) == {region.GENERATION_OFFSET}",
        *(f"offsetof(struct hami_slot, {f}) == {at}" for f, at in offsets(region.SLOT, slot_fields).items()),
        *(f"offsetof(struct hami_region, {f}) == {at}" for f, at in offsets(region.HEADER, header_fields).items()),
    ]
    asserts = "".join(f'_Static_assert({claim}, "");\n' for claim in claims)
    source = tmp_path / "layout.c"
    source.write_text(f'#include "abi/share.h"\n{asserts}')
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", f"{os.uname().machine}-linux-gnu.2.17"]
    options = ["-std=c11", "-I", str(NATIVE), "-c", str(source), "-o", str(tmp_path / "layout.o")]
    checked = subprocess.run([*compiler, *options], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_new_region_is_intact_and_unused(path: Path) -> None:
    assert region.is_intact(path)
    assert not region.is_in_use(path)
    assert read_use(path) == ()


def test_only_slots_of_living_processes_count(path: Path) -> None:
    write_slot(path, 0, pid=7, done=2, used=(GIB, 0))
    write_slot(path, 2047, pid=8, done=3, used=(0, 2 * GIB))
    assert read_use(path) == ()
    with living_owner(path, 0) as first, living_owner(path, 2047):
        assert region.is_in_use(path)
        assert read_use(path) == (
            ProcessUse(pid=7, used=GIB),
            ProcessUse(pid=8, used=2 * GIB),
        )
        first.kill()
        first.wait()
        assert [process.pid for process in read_use(path)] == [8]
    assert read_use(path) == ()


@pytest.mark.parametrize("damage", ["magic", "abi", "short"])
def test_damage_is_seen(path: Path, damage: str) -> None:
    with path.open("r+b") as file:
        if damage == "short":
            file.truncate(region.SIZE - 1)
        else:
            os.pwrite(file.fileno(), b"\xff", {"magic": 0, "abi": 8}[damage])
    assert not region.is_intact(path)


def test_region_cut_short_in_a_slot_is_read_as_far_as_it_goes(path: Path) -> None:
    write_slot(path, 0, pid=7, done=0, used=(GIB, 0))
    os.truncate(path, region.SLOTS_OFFSET + region.SLOT.size + 1)
    with living_owner(path, 0):
        assert [process.used for process in read_use(path)] == [GIB]


@given(st.dictionaries(st.integers(0, region.SIZE), st.binary(min_size=1, max_size=64)), st.integers(0, region.SIZE))
def test_nothing_that_a_tenant_can_write_stops_the_reader(pieces: dict[int, bytes], size: int) -> None:
    with NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(region.empty())
        for offset, piece in pieces.items():
            os.pwrite(file.fileno(), piece, offset)
        os.truncate(path, size)
        with locked(path):
            assert region.is_in_use(path)
            assert all(0 <= process.used < 2**64 and process.pid > 0 for process in read_use(path))
        region.is_intact(path)
        region.raise_generation(path)


def test_raising_the_generation_changes_nothing_else(path: Path) -> None:
    write_slot(path, 1, pid=7, done=0, used=(GIB, 0))
    before = path.read_bytes()
    region.raise_generation(path)
    region.raise_generation(path)
    after = path.read_bytes()
    at = slice(region.GENERATION_OFFSET, region.GENERATION_OFFSET + 8)
    assert int.from_bytes(after[at], "little") == 2
    assert after[: at.start] + bytes(8) + after[at.stop :] == before
