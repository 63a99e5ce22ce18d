"""Tells the claims on a GPU, and their pods, when it falls ill and when it is well again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Never

from hami_dra.kube import KubeClient, KubeError, ResourceClaim
from hami_dra.shares import Share, ShareFolders

from .events import ClaimEvents
from .share_claim import claim_ref, read_claim
from .status import readiness
from .status_reports import StatusReports

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 5
_ADVICE = "delete the pods that use the claim, then they are given another GPU"

_Key = tuple[str, str]
"""A claim's UID with the UUID of a GPU, once however many shares the claim has of it."""


class HealthNews:
    """`ailment` is why a GPU, by UUID, is not usable now, empty while it is, None while nothing is known of it.

    News are told once, in Events; the claim's status says how it is at present, and how it was before this process.
    """

    def __init__(
        self,
        kube: KubeClient,
        folders: ShareFolders,
        reports: StatusReports,
        events: ClaimEvents,
        ailment: Callable[[str], str | None],
    ) -> None:
        self._kube = kube
        self._folders = folders
        self._reports = reports
        self._events = events
        self._ailment = ailment
        self._told: dict[_Key, str] = {}
        self._news = asyncio.Event()

    def prepared(self, claim: ResourceClaim, shares: Sequence[Share]) -> None:
        """Have a claim, as it was just read, say what its shares are and how their GPUs; nothing waits for it."""
        for key, share in {_key(share): share for share in shares}.items():
            self._tell(key, claim, share)
        self._reports.prepared(claim, shares)

    def look(self) -> None:
        """Have it seen to that claims know how their GPUs are; nothing waits for it."""
        self._news.set()

    async def run(self) -> Never:
        """Tell until cancelled. What cannot be told now is tried again."""
        problem = ""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS if problem else None):
                    await self._news.wait()
            self._news.clear()
            before, problem = problem, await self._tell_all()
            if problem not in ("", before):
                _log.warning("claims are told later how their GPUs are: %s", problem)

    async def _tell_all(self) -> str:
        """Tell whoever does not know yet; return why somebody could not be told, or nothing."""
        problem = ""
        try:
            for shares in self._of_claims_with_news():
                try:
                    await self._ask(shares)
                except KubeError as error:
                    problem = str(error)
        except OSError as error:
            problem = str(error)
        return problem

    def _of_claims_with_news(self) -> list[list[Share]]:
        shares = sorted(self._folders.shares(), key=_claim)
        keys = {_key(share) for share in shares}
        self._told = {key: told for key, told in self._told.items() if key in keys}
        by_claim = [list(group) for _, group in groupby(shares, key=_claim)]
        return [group for group in by_claim if any(self._is_news(_key(share)) for share in group)]

    def _is_news(self, key: _Key) -> bool:
        _, uuid = key
        ailment = self._ailment(uuid)
        return ailment is not None and ailment != self._told.get(key, "")

    async def _ask(self, shares: Sequence[Share]) -> None:
        """Read the claim of shares, and tell it, unless it was unprepared meanwhile. Raises KubeError."""
        claim = await read_claim(self._kube, shares[0])  # where it is gone, its files go with the next sweep
        present = [each for each in shares if self._folders.path(each).is_dir()]
        if claim and present:
            self.prepared(claim, present)

    def _tell(self, key: _Key, claim: ResourceClaim, share: Share) -> None:
        """Tell of a GPU that is otherwise than was told; of one that was well in between, though it is as before."""
        ailment = self._ailment(share.gpu_uuid)
        told = self._told.get(key)
        if ailment is None or ailment == told:
            return
        was_well = told == "" if told is not None else _was_well(claim, share)
        ref = claim_ref(share)
        if ailment:
            news = f"GPU {share.gpu_uuid}: {ailment}; {_ADVICE}"
            self._events.tell(ref, claim, "GpuUnusable", news, is_again=was_well is True)
        elif was_well is False:
            news = f"GPU {share.gpu_uuid} is well again"
            self._events.tell(ref, claim, "GpuHealthy", news, "Normal", is_again=True)
        else:
            return
        self._told[key] = ailment


def _was_well(claim: ResourceClaim, share: Share) -> bool | None:
    """Whether the claim says that a share is ready; None where it does not say."""
    said = readiness(claim.status.devices, share)
    return said.status == "True" if said else None


def _key(share: Share) -> _Key:
    return share.claim_uid, share.gpu_uuid


def _claim(share: Share) -> str:
    return share.claim_uid
