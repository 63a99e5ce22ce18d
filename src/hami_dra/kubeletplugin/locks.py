"""One lock per claim, so that what runs for a claim never meets another job for it."""

import asyncio
from weakref import WeakValueDictionary


class ClaimLocks:
    """Locks by claim UID, each kept as long as someone holds or awaits it.

    The kubelet's calls hold their claim's; a driver's own jobs, such as removing what is stale, take it likewise.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, claim_uid: str) -> asyncio.Lock:
        """The lock of a claim; hold it by `async with`."""
        return self._locks.setdefault(claim_uid, asyncio.Lock())
