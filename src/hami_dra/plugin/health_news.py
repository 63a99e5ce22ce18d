"""Tells the claims on a GPU, and their pods, when it falls ill and when it is well again."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import Never

from hami_dra.kube import KubeClient, KubeError, NotFound
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.shares import Share, ShareFolders

from .events import ClaimEvents
from .status_reports import StatusReports

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 5


class HealthNews:
    """`ailment` is why a GPU, by UUID, is not usable now, and empty while it is.

    News are told once, in Events; the claim's status says how it is at present.
    """

    def __init__(
        self,
        kube: KubeClient,
        folders: ShareFolders,
        reports: StatusReports,
        events: ClaimEvents,
        ailment: Callable[[str], str],
    ) -> None:
        self._kube = kube
        self._folders = folders
        self._reports = reports
        self._events = events
        self._ailment = ailment
        self._told: dict[tuple[str, str], str] = {}
        self._news = asyncio.Event()
        self._is_late = False

    def look(self) -> None:
        """Have it seen to that claims know how their GPUs are; nothing waits for it."""
        self._news.set()

    async def run(self) -> Never:
        """Tell until cancelled. What cannot be told now is tried again."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS if self._is_late else None):
                    await self._news.wait()
            self._news.clear()
            self._is_late = False
            untold = {
                key: (ref, uuid) for key, ref, uuid in self._known() if self._told.get(key, "") != self._ailment(uuid)
            }
            for key, (ref, uuid) in untold.items():
                await self._tell(key, ref, uuid)

    def _known(self) -> Iterator[tuple[tuple[str, str], ClaimRef, str]]:
        """Each claim's GPUs, once however many shares of one it has."""
        shares = sorted(self._folders.shares(), key=_claim_and_gpu)
        keys = [(key, next(group)) for key, group in groupby(shares, key=_claim_and_gpu)]
        self._told = {key: self._told[key] for key, _ in keys if key in self._told}
        for key, share in keys:
            yield key, ClaimRef(share.claim_namespace, share.claim_name, share.claim_uid), share.gpu_uuid

    async def _tell(self, key: tuple[str, str], ref: ClaimRef, uuid: str) -> None:
        ailment = self._ailment(uuid)
        try:
            claim = await self._kube.get_claim(ref.namespace, ref.name)
        except NotFound:
            return  # its files go with the next sweep
        except KubeError as error:
            if not self._is_late:
                _log.warning("claims are told later how their GPUs are: %s", error)
            self._is_late = True
            return
        self._told[key] = ailment
        if claim.metadata.uid != ref.uid:
            return
        self._reports.prepared(claim, [share for share in self._folders.shares() if share.claim_uid == ref.uid])
        if ailment:
            advice = "delete the pods that use the claim, then they are given another GPU"
            self._events.tell(ref, claim, "GpuUnusable", f"GPU {uuid}: {ailment}; {advice}")
        else:
            self._events.tell(ref, claim, "GpuHealthy", f"GPU {uuid} is well again", "Normal")


def _claim_and_gpu(share: Share) -> tuple[str, str]:
    return share.claim_uid, share.gpu_uuid
