"""The `region` file of a share folder, in which the share's processes account for the memory that they hold.

The layout is native/abi/share.h's. A region is writable by its tenant, who may also cut it short: so it is read by
pread and never mapped, nothing in it is believed without bounds, and only the kernel says which process is alive.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hami_dra.record_locks import TO_THE_END, locked_from

MAGIC = int.from_bytes(b"HAMIVGPU", "little")
ABI = 1
SLOTS = 2048

HEADER = struct.Struct("<QII")  # magic, abi, slot_count
GENERATION = struct.Struct("<Q")
GENERATION_OFFSET = 16
COMPUTE = struct.Struct("<QQ")  # paid_until, used
COMPUTE_OFFSET = 128
SLOTS_OFFSET = 4096
SLOT = struct.Struct("<QQQqQQQI4x")  # seq, done, landed, delta, used[2], reserved, pid, padding
SIZE = SLOTS_OFFSET + SLOTS * SLOT.size


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What one living process of the share holds. `pid` means something in its own PID namespace only."""

    pid: int
    used: int


def empty() -> bytes:
    """A region that no process uses. All of it is written, so that a full disk refuses it here and not a tenant."""
    return HEADER.pack(MAGIC, ABI, SLOTS).ljust(SIZE, b"\0")


def is_intact(path: Path) -> bool:
    """Whether libvgpu.so would take this file for a region."""
    with path.open("rb", buffering=0) as file:
        header = os.pread(file.fileno(), HEADER.size, 0)
        return header == HEADER.pack(MAGIC, ABI, SLOTS) and os.fstat(file.fileno()).st_size >= SIZE


def is_in_use(path: Path) -> bool:
    """Whether any living process holds a slot."""
    with path.open("rb", buffering=0) as file:
        return _is_locked(file.fileno(), 0, TO_THE_END)


def raise_generation(path: Path) -> None:
    """Tell the share's processes to read `limits` again."""
    with path.open("r+b", buffering=0) as file:
        raw = os.pread(file.fileno(), GENERATION.size, GENERATION_OFFSET)
        (generation,) = GENERATION.unpack(raw.ljust(GENERATION.size, b"\0"))
        os.pwrite(file.fileno(), GENERATION.pack((generation + 1) % 2**64), GENERATION_OFFSET)


def read_use(path: Path) -> tuple[ProcessUse, ...]:
    """What each living process of the share says it holds, in bytes; any number that fits 64 bits may stand there."""
    with path.open("rb", buffering=0) as file:
        # One question to the kernel spares idle shares, most of a node's, the reading of all slots.
        return tuple(_living(file.fileno())) if _is_locked(file.fileno(), SLOTS_OFFSET, TO_THE_END) else ()


def read_gpu_time(path: Path) -> int:
    """How long the share's processes have had the GPU, in ns, as they say. It only grows while the region lives."""
    with path.open("rb", buffering=0) as file:
        raw = os.pread(file.fileno(), COMPUTE.size, COMPUTE_OFFSET)
    _paid_until, used = COMPUTE.unpack(raw.ljust(COMPUTE.size, b"\0"))
    return int(used)


def _living(file: int) -> Iterator[ProcessUse]:
    slots = os.pread(file, SLOTS * SLOT.size, SLOTS_OFFSET)
    whole = len(slots) - len(slots) % SLOT.size
    for index, slot in enumerate(SLOT.iter_unpack(slots[:whole])):
        _seq, done, _landed, _delta, even, odd, _reserved, pid = slot
        if pid and _is_locked(file, SLOTS_OFFSET + index * SLOT.size, SLOT.size):
            yield ProcessUse(pid=pid, used=odd if done & 1 else even)


def _is_locked(file: int, start: int, length: int) -> bool:
    """Whether someone's open file description holds a lock in the range; the kernel drops it when they die."""
    return locked_from(file, start, length) is not None
