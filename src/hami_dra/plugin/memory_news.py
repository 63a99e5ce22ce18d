"""Tells of shares whose memory is not held to its limit: to the claim and its pods, and to who evicts them."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Never

from hami_dra.kube import KubeClient, KubeError, Quantity, ResourceClaim
from hami_dra.shares import Container, Share, ShareFolders, containers_of

from .events import ClaimEvents
from .eviction import Evictor
from .pace import Pace
from .share_claim import claim_ref, read_claim
from .share_memory import ShareMemory
from .status import limitedness
from .status_reports import StatusReports

_log = logging.getLogger(__name__)

_MOST_EVENTS = 3
_WITHIN_SECONDS = 600.0
"""Of a share and a reason: a program may take more than its share, and give it back, every few seconds."""


class MemoryNews:
    """What is told of a share is told when it changes. Where that is wanted, pods that overuse one are evicted.

    The claim's status always says how it is. Events that would be too many wait, and are told if it is still so then.

    The API server is asked by `run` alone, so that whoever keeps limits true never waits for it.
    """

    def __init__(
        self,
        kube: KubeClient,
        folders: ShareFolders,
        reports: StatusReports,
        events: ClaimEvents,
        evictor: Evictor | None,
    ) -> None:
        self._kube = kube
        self._folders = folders
        self._reports = reports
        self._events = events
        self._evictor = evictor
        self._memory: Mapping[str, ShareMemory] = {}
        self._among: tuple[Container, ...] = ()
        self._untold: dict[str, Share] = {}
        self._waiting: set[str] = set()
        self._pace = Pace(_MOST_EVENTS, _WITHIN_SECONDS)
        self._repaired: list[tuple[Share, str]] = []
        self._news = asyncio.Event()
        self._problem = ""

    def look(
        self, before: Mapping[str, ShareMemory], now: Mapping[str, ShareMemory], among: tuple[Container, ...]
    ) -> None:
        """Have it told of each share that stands otherwise than before; what cannot be told waits for the next look."""
        for name, each in now.items():
            was_reason = before[name].reason if name in before else ShareMemory(each.share, each.limit).reason
            if each.reason != was_reason:
                _log.log(logging.INFO if each.is_held else logging.WARNING, "share %s: %s", name, each.message)
                self._untold[name] = each.share
        self._memory, self._among = now, among
        self._news.set()

    def repaired(self, container: Container, found: int | None) -> None:
        """Have it told that a container's limit was lost, as by a reset of the GPU, or changed, and holds again."""
        was = "none" if found is None else str(Quantity(found))
        message = (
            f"container {container.container_id[:12]} has its memory limit of {Quantity(container.memory)} on "
            f"{container.gpu_uuid} again, after the driver had {was}: the GPU was reset, or somebody changed it"
        )
        _log.warning("%s", message)
        self._repaired += [(noted.share, message) for noted in container.shares]

    async def run(self) -> Never:
        """Tell until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._tell()
            except OSError as error:
                self._complain(f"nothing can be told of shares now: {error}")

    async def _tell(self) -> None:
        repaired, self._repaired = self._repaired, []
        for share, message in repaired:
            if claim := await self._claim(share):
                self._events.tell(claim_ref(share), claim, "MemoryLimitRepaired", message)
        self._look_again()
        for name in list(self._untold):
            await self._tell_of(name)
        for each in list(self._memory.values()):
            if each.overuse and self._evictor:
                await self._evict(self._evictor, each, self._among)

    def _look_again(self) -> None:
        """Have it told what had to wait, if it is still so."""
        for name in list(self._waiting):
            memory = self._memory.get(name)
            if memory is None or memory.is_held:
                self._waiting.discard(name)
            elif self._pace.allows(_matter(memory)):
                self._untold[name] = memory.share

    async def _tell_of(self, name: str) -> None:
        """Tell how it stands with a share now, which may be another thing than when it was to be told."""
        share = self._untold[name]
        if name not in self._memory:
            del self._untold[name]
        elif claim := await self._claim(share):
            of_claim = [each for each in self._folders.shares() if each.claim_uid == share.claim_uid]
            memory = self._memory.get(name)
            self._untold.pop(name, None)
            self._reports.prepared(claim, of_claim)
            if memory and not memory.is_held:
                self._warn(claim, memory)

    def _warn(self, claim: ResourceClaim, memory: ShareMemory) -> None:
        share = memory.share
        if not self._pace.allows(_matter(memory)):
            self._waiting.add(share.name)
            return
        said = limitedness(claim.status.devices, share)
        is_again = share.name in self._waiting or (said is not None and said.status == "True")
        reason = "MemoryLimitMissing" if memory.unlimited else "MemoryOverused"
        self._events.tell(claim_ref(share), claim, reason, memory.message, is_again=is_again)
        self._pace.told(_matter(memory))
        self._waiting.discard(share.name)

    async def _evict(self, evictor: Evictor, memory: ShareMemory, among: tuple[Container, ...]) -> None:
        if claim := await self._claim(memory.share):
            for container in containers_of(memory.share, among):
                if told := await evictor.evict(claim, container.cgroup):
                    self._events.tell(claim_ref(memory.share), claim, "MemoryOverused", told)

    async def _claim(self, share: Share) -> ResourceClaim | None:
        """The share's claim as it is now; None where it is gone, or cannot be read."""
        try:
            return await read_claim(self._kube, share)
        except KubeError as error:
            self._complain(f"nothing can be told of share {share.name} now: {error}")
            return None

    def _complain(self, problem: str) -> None:
        """Say once what goes wrong: it is tried again every few seconds."""
        if problem != self._problem:
            _log.warning("%s", problem)
        self._problem = problem


def _matter(memory: ShareMemory) -> tuple[str, str]:
    return memory.share.name, memory.reason
