"""Many locks between processes in one file that stays empty: each key is a byte of it that may be locked."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hami_dra.record_locks import try_lock

_POLL = 0.02
"""Seconds between two tries. Waiting in a thread instead could not be cancelled, and would end with a lost lock."""


class LockError(OSError):
    """A lock file cannot be used; the text says which and why."""


@asynccontextmanager
async def locked(file: Path, key: str) -> AsyncIterator[None]:
    """Hold the lock of `key` in `file`, which is made where it is not there. Raises LockError.

    An open-file-description lock belongs to the open file and not to the process: it goes when that is closed, by
    SIGKILL too, and two holders in one process exclude each other as well.
    """
    descriptor = _open(file)
    try:
        while not try_lock(descriptor, _offset(key)):  # noqa: ASYNC110 - who holds it may be another process
            await asyncio.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _open(file: Path) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LockError(f"cannot lock claims by {file}: {error}") from error


def _offset(key: str) -> int:
    """A key's byte: file offsets have 63 bits, so that two keys meet in one practically never, and then only wait."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) >> 2
