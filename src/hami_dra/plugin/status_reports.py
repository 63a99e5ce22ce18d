"""Writes into claims' status what their shares were given, in the background: no call of the kubelet waits for it."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Never

from hami_dra.kube import (
    AccessError,
    ApiUnavailable,
    Conflict,
    Invalid,
    KubeClient,
    KubeError,
    NotFound,
    ObjectMeta,
    ResourceClaim,
    ResourceClaimStatus,
)
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.shares import DRIVER_NAME, Share

from .share_memory import ShareMemory
from .status import device_statuses

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 5
_PAUSE_SECONDS = 0.2
"""Between news and its writing: claims come in bursts, whose pods wait for the calls that follow, and none for this."""
_LONGEST_FIELD_MANAGER = 128


class StatusReports:
    """What is wanted last of a claim is what counts. A write that fails is logged, and tried again until it is done."""

    def __init__(
        self,
        kube: KubeClient,
        node_name: str,
        memory_of: Callable[[Share], ShareMemory],
        ailment_of: Callable[[str], str | None],
    ) -> None:
        self._kube = kube
        self._memory_of = memory_of
        self._ailment_of = ailment_of
        # A manager takes back only what it wrote, so a node that is late leaves alone what the claim's next one wrote.
        self._field_manager = f"{DRIVER_NAME}/{node_name}"[:_LONGEST_FIELD_MANAGER]
        self._wanted: dict[str, ResourceClaim] = {}
        self._news = asyncio.Event()
        self._problems: dict[str, str] = {}
        self._has_told_of_gate = False

    def prepared(self, claim: ResourceClaim, shares: Iterable[Share]) -> None:
        """Have the claim say what these shares are, unless `claim`, as it was just read, says so already."""
        before, now = claim.status.devices, datetime.now(UTC)
        devices = device_statuses(_in_order(shares, claim), before, now, self._memory_of, self._ailment_of)
        if claim.metadata.uid in self._wanted or any(each not in before for each in devices):
            self._want(claim.metadata, ResourceClaimStatus(devices=devices))

    def unprepared(self, ref: ClaimRef) -> None:
        """Have the claim say nothing of this node's shares any more."""
        self._want(ObjectMeta(name=ref.name, namespace=ref.namespace, uid=ref.uid), ResourceClaimStatus())

    async def run(self) -> Never:
        """Write until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS if self._wanted else None):
                    await self._news.wait()
                await asyncio.sleep(_PAUSE_SECONDS)
            self._news.clear()
            await self._write_all()

    def _want(self, claim: ObjectMeta, status: ResourceClaimStatus) -> None:
        # The UID keeps the write from another claim of the same name.
        identity = ObjectMeta(name=claim.name, namespace=claim.namespace, uid=claim.uid)
        self._wanted[claim.uid] = ResourceClaim(metadata=identity, status=status)
        self._news.set()

    async def _write_all(self) -> None:
        """Write what is wanted, once; what cannot be written now stays wanted."""
        for uid, wanted in list(self._wanted.items()):
            try:
                await self._write(wanted)
            except (ApiUnavailable, AccessError) as error:
                self._put_off(uid, error)
                return  # the others could not be written either
            except KubeError as error:
                if wanted.status.devices:
                    self._put_off(uid, error)
                    continue
                # It goes with the claim anyway, and tried again for ever it would be one more with each claim.
                _log.warning("status.devices stays as it is: %s", error)
                self._forget(uid, wanted)
            else:
                self._forget(uid, wanted)

    def _put_off(self, uid: str, error: KubeError) -> None:
        if str(error) != self._problems.get(uid):
            _log.warning("status.devices is tried again later: %s", error)
        self._problems[uid] = str(error)

    def _forget(self, uid: str, wanted: ResourceClaim) -> None:
        """No longer want this of a claim, unless something else is wanted since."""
        self._problems.pop(uid, None)
        if self._wanted.get(uid) is wanted:
            del self._wanted[uid]

    async def _write(self, wanted: ResourceClaim) -> None:
        """Write one claim's status, unless the claim is no longer the one that it is for."""
        try:
            stored = await self._kube.apply_claim_status(wanted, self._field_manager)
        except (NotFound, Conflict):
            return  # the claim has gone, or its name is another's
        except Invalid as error:
            _log.info("the claim was deallocated meanwhile, so its status stays: %s", error)
            return
        if wanted.status.devices and not stored.status.devices and not self._has_told_of_gate:
            self._has_told_of_gate = True
            _log.warning(
                "the API server drops status.devices of claims, so they do not say what they were given: "
                "enable the feature gate DRAResourceClaimDeviceStatus in kube-apiserver"
            )


def _in_order(shares: Iterable[Share], claim: ResourceClaim) -> list[Share]:
    """Shares as the claim's allocation has them, which those who read them from the node do not know."""
    allocated = claim.status.allocation.devices.results if claim.status.allocation else ()
    places = {result.share_id: place for place, result in enumerate(allocated)}
    return sorted(shares, key=lambda share: places.get(share.share_id, 0))
