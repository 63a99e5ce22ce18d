"""Which of a node's plugin instances publishes: during an update two run, and each would undo what the other writes."""

import fcntl
import os
import struct
from pathlib import Path

_LOCK_FILE = "publish.lock"
_FLOCK = struct.Struct("@hhqqi0q")  # struct flock: l_type, l_whence, l_start, l_len, l_pid
_TO_THE_END = 0


class Succession:
    """The living instances that share a folder, in the order in which they joined; the newest publishes.

    Each holds a lock on one byte of a file that stays empty, and a newer one on a byte further on. The kernel drops the
    lock of an instance that ends, however it does, and then its predecessor, if that still runs, is the newest again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _LOCK_FILE
        self._descriptor: int | None = None
        self._place = 0

    def join(self) -> None:
        """Become the newest. Raises OSError where the folder cannot be used."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while not self._try(self._place):
            while (taken := self._taken_from(self._place)) is not None:
                self._place = taken + 1

    @property
    def is_newest(self) -> bool:
        """Whether this one joined, and none that lives joined later."""
        return self._descriptor is not None and self._taken_from(self._place + 1) is None

    def _try(self, place: int) -> bool:
        assert self._descriptor is not None
        if self._taken_from(place) is not None:
            return False
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _lock(place, 1))
        except (BlockingIOError, PermissionError):  # fcntl(2): a lock that another holds is EAGAIN or EACCES
            return False
        return True

    def _taken_from(self, place: int) -> int | None:
        """A place from this one on that another instance has."""
        assert self._descriptor is not None
        answer = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, _lock(place, _TO_THE_END))
        kind, _, start, _, _ = _FLOCK.unpack(answer)
        return None if kind == fcntl.F_UNLCK else int(start)


def _lock(start: int, length: int) -> bytes:
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
