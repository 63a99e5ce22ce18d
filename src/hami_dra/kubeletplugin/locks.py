"""One lock per claim, so that what runs for a claim never meets another job for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from .lock_file import locked

_LOCK_FILE = "serialize.lock"


class ClaimLocks:
    """Locks by claim UID, each kept as long as someone holds or awaits it.

    The kubelet's calls hold their claim's; a driver's own jobs, such as removing what is stale, take it likewise.
    With `folder` they hold against the plugin's other processes too, of which a rolling update runs two: all that
    name the same folder, best the plugin's own, share the locks through a file in it, `serialize.lock`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = folder / _LOCK_FILE if folder else None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, claim_uid: str) -> AsyncIterator[None]:
        """Hold the lock of a claim while the context is entered. Raises LockError where the file cannot be used."""
        # Within a process an asyncio lock comes first: it wakes up who waits, in turn, where a file must be polled.
        async with self._locks.setdefault(claim_uid, asyncio.Lock()):
            if self._file is None:
                yield
            else:
                async with locked(self._file, claim_uid):
                    yield
