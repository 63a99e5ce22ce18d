"""A claim's allocation, read as shares of this node's GPUs."""

import re
from collections.abc import Mapping

from hami_dra.gpu import Gpu
from hami_dra.kube import DeviceRequestAllocationResult, ResourceClaim
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.shares import DRIVER_NAME, Share

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")  # becomes a part of paths
_LEAST_MEMORY = 2**20
_GATE = "enable the feature gate DRAConsumableCapacity in all components of the cluster"


def shares_of(claim: ResourceClaim, ref: ClaimRef, pool: str, gpus: Mapping[str, Gpu]) -> tuple[Share, ...]:
    """What an allocated claim holds of `gpus` (by device name), the devices of `pool`; other drivers' are passed over.

    `ref` is what the kubelet asked for. Raises ClaimError for whatever does not say exactly what to grant.
    """
    if claim.metadata.uid != ref.uid:
        raise ClaimError(
            f"the claim has UID {claim.metadata.uid} and not {ref.uid}: "
            "it was deleted and created anew; delete the pod, so that one is made for the new claim"
        )
    if claim.status.allocation is None:
        raise ClaimError("the claim is not allocated: leave the choice of the pod's node to the scheduler")
    results = claim.status.allocation.devices.results
    ours = [result for result in results if result.driver == DRIVER_NAME]
    if not ours:
        others = ", ".join(sorted({result.driver for result in results})) or "none"
        raise ClaimError(f"the claim's allocation has no device of {DRIVER_NAME}; its drivers: {others}")
    return tuple(_share(result, ref, pool, gpus) for result in ours)


def _share(result: DeviceRequestAllocationResult, ref: ClaimRef, pool: str, gpus: Mapping[str, Gpu]) -> Share:
    if result.pool != pool:
        raise ClaimError(f"request {result.request}: device {result.device} is in pool {result.pool}, not {pool}")
    gpu = gpus.get(result.device)
    if gpu is None:
        known = ", ".join(gpus) or "none"
        raise ClaimError(f"request {result.request}: there is no device {result.device} on this node; known: {known}")
    if result.admin_access:
        raise ClaimError(f"request {result.request}: adminAccess is not offered by {DRIVER_NAME}")
    return Share(
        claim_namespace=ref.namespace,
        claim_name=ref.name,
        claim_uid=ref.uid,
        request=result.request,
        share_id=_share_id(result),
        pool=result.pool,
        device=result.device,
        gpu_uuid=gpu.uuid,
        cores=_consumed(result, "cores", least=1, most=100),
        memory=_consumed(result, "memory", least=_LEAST_MEMORY, most=gpu.memory_bytes),
    )


def _share_id(result: DeviceRequestAllocationResult) -> str:
    if result.share_id is None:
        raise ClaimError(f"request {result.request}: the allocation has no shareID: {_GATE}")
    if not _UUID.fullmatch(result.share_id):
        raise ClaimError(f"request {result.request}: shareID {result.share_id!r} is not a UUID")
    return result.share_id


def _consumed(result: DeviceRequestAllocationResult, capacity: str, *, least: int, most: int) -> int:
    """What the allocation consumes of a capacity. Nothing is ever made up: a missing value is not a whole GPU."""
    amount = result.consumed_capacity.get(capacity)
    if amount is None:
        raise ClaimError(f"request {result.request}: the allocation does not say how much {capacity} it has: {_GATE}")
    if not least <= amount <= most:
        raise ClaimError(
            f"request {result.request}: the allocation has {amount} of {capacity}, which is not from {least} to {most}"
        )
    return int(amount)
