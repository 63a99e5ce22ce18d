"""Removes what lies on the node for nobody: files of claims that are gone, whatever became of the call to unprepare
them, and versions of the library that no spec names any more."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from hami_dra.kube import ApiUnavailable, KubeClient, KubeError, ResourceClaim
from hami_dra.kubeletplugin import ClaimLocks
from hami_dra.shares import DRIVER_NAME, ClaimFiles, Share, remove_tree, shares_in

from .health_news import HealthNews
from .share_claim import read_claim
from .versions import collect_versions

_log = logging.getLogger(__name__)

_INTERVAL_SECONDS = 600


class Sweeper:
    """Asks the API server for each claim that has files here; what no claim accounts for goes."""

    def __init__(
        self, kube: KubeClient, files: ClaimFiles, locks: ClaimLocks, news: HealthNews, install_dir: Path
    ) -> None:
        self._kube = kube
        self._files = files
        self._locks = locks
        self._news = news
        self._install_dir = install_dir

    async def run(self) -> None:
        """Sweep now and in intervals, until cancelled."""
        while True:
            try:
                await self.sweep()
                # Afterwards, for the specs that have just gone were the last to name some version.
                for name in await asyncio.to_thread(collect_versions, self._install_dir, self._files.specs.cdi_dir):
                    _log.info("removed version %s, which nothing uses", name)
            except OSError as error:
                _log.warning("stale files cannot be looked for: %s", error)
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def sweep(self) -> None:
        """Look at every claim once. Where the API server does not answer, the files stay for the next time.

        The folders are read once and not for each claim: there may be thousands, and the kubelet's calls wait for it.
        """
        for claim_uid, paths in self._files.by_claim().items():
            async with self._locks.of(claim_uid):
                try:
                    if not await self._is_accounted_for(claim_uid, paths):
                        for path in paths:
                            remove_tree(path)
                        _log.info("removed what was left of claim %s", claim_uid)
                except (KubeError, OSError) as error:
                    _log.warning("what lies here for claim %s stays for now: %s", claim_uid, error)
                    if isinstance(error, ApiUnavailable):
                        return  # it would not answer for the others either, and each would have to wait for that

    async def _is_accounted_for(self, claim_uid: str, paths: Sequence[Path]) -> bool:
        shares = list(shares_in(paths))
        if not shares:
            # Whose it is cannot be told, so it stays while a container could use it: unprepare or a reboot removes it.
            return self._files.is_usable(claim_uid, paths)
        claim = await read_claim(self._kube, shares[0])
        if claim is None:
            return False
        held = [share for share in shares if _holds(claim, share)]
        if held and self._files.is_usable(claim_uid, paths):
            self._news.prepared(claim, held)  # for a plugin that ended before it had told
        return bool(held)


def _holds(claim: ResourceClaim, share: Share) -> bool:
    """Whether the claim's allocation is still the one that the share came from."""
    allocation = claim.status.allocation
    held = (DRIVER_NAME, share.pool, share.device, share.share_id)
    return allocation is not None and any(
        (result.driver, result.pool, result.device, result.share_id) == held for result in allocation.devices.results
    )
