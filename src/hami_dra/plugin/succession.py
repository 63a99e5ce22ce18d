"""Which of a node's plugin instances publishes: during an update two run, and each would undo what the other writes."""

import os
from pathlib import Path

from hami_dra.record_locks import TO_THE_END, locked_from, try_lock

_LOCK_FILE = "publish.lock"


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
        return self._taken_from(place) is None and try_lock(self._descriptor, place)

    def _taken_from(self, place: int) -> int | None:
        """A place from this one on that another instance has."""
        assert self._descriptor is not None
        return locked_from(self._descriptor, place, TO_THE_END)
