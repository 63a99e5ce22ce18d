"""The driver's work for the claims of a call: side by side, in turn for each claim, and not for ever."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from .driver import ClaimError, ClaimRef
from .lock_file import LockError
from .locks import ClaimLocks

_log = logging.getLogger(__name__)
T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
"""What Kubernetes calls namespaces, claims and UIDs, and more; but no path, and nothing that would garble a log."""


class ClaimCalls:
    """Runs work for claims. Whatever goes wrong with a claim becomes a ClaimError in its place."""

    def __init__(self, locks: ClaimLocks) -> None:
        self._locks = locks
        self._running: set[asyncio.Task[object]] = set()

    async def run(
        self, claims: Iterable[ClaimRef], work: Callable[[ClaimRef], Awaitable[T]], seconds: float
    ) -> dict[str, T | ClaimError]:
        """Do the work for all claims at once and return, by claim UID, what came of each within so many seconds."""
        by_uid = {claim.uid: claim for claim in claims}
        tasks = [asyncio.create_task(self._one(claim, work, seconds)) for claim in by_uid.values()]
        for task in tasks:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        # When the kubelet hangs up, the work goes on under its lock: half done, it would race with the retry.
        answers = await asyncio.shield(asyncio.gather(*tasks))
        return dict(zip(by_uid, answers, strict=True))

    async def finish(self, grace: float) -> None:
        """Wait up to `grace` seconds for work whose caller has gone."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace)

    async def _one(self, claim: ClaimRef, work: Callable[[ClaimRef], Awaitable[T]], seconds: float) -> T | ClaimError:
        if not all(map(_NAME.fullmatch, (claim.namespace, claim.name, claim.uid))):
            _log.warning("refused: %r", claim)
            return ClaimError(f"the kubelet named a claim incompletely or as none can be named: {claim!r}")
        name = f"claim {claim.namespace}/{claim.name} ({claim.uid})"
        try:
            async with asyncio.timeout(seconds) as time, self._locks.of(claim.uid):
                return await work(claim)
        except (ClaimError, LockError) as error:
            problem = _sendable(str(error))
            _log.warning("%s: %s", name, problem)
            return ClaimError(problem)
        except Exception as error:
            if time.expired():
                _log.warning("%s: not done in %.1f s, given up", name, seconds)
                return ClaimError(f"not done in {seconds:.1f} s and given up; the kubelet tries again")
            _log.exception("%s: unexpected error", name)
            return ClaimError(_sendable(f"unexpected {type(error).__name__}: {error}; see the driver's log"))


def _sendable(text: str) -> str:
    """One line, as an event and a log show it, without what UTF-8 has no bytes for: file names may have that."""
    return " ".join(text.split()).encode(errors="replace").decode()
