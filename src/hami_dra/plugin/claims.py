"""A claim's allocation, read as shares of this node's GPUs."""

import re
from collections.abc import Mapping, Sequence

from hami_dra.gpu import Gpu
from hami_dra.kube import DeviceRequestAllocationResult, ResourceClaim
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.shares import DRIVER_NAME, Access, MemoryEnforcement, Share

from .enforcement import Wanted, enforcement_of
from .share_config import ShareConfig, effective, read_configs
from .slices import offered_memory

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")  # becomes a part of paths
_LEAST_MEMORY = 2**20
_GATE = "enable the feature gate DRAConsumableCapacity in all components of the cluster"


def shares_of(
    claim: ResourceClaim, ref: ClaimRef, pool: str, gpus: Mapping[str, Gpu], enforcement: Wanted = "auto"
) -> tuple[Share, ...]:
    """What an allocated claim holds of `gpus` (by device name), the devices of `pool`; other drivers' are passed over.

    `ref` is what the kubelet asked for, `enforcement` the node's will of who holds memory limits. Raises ClaimError for
    whatever does not say exactly what to grant.
    """
    if not _UUID.fullmatch(ref.uid):
        raise ClaimError(f"the claim's UID {ref.uid!r} is not a UUID")
    if claim.metadata.uid != ref.uid:
        raise ClaimError(
            f"the claim has UID {claim.metadata.uid} and not {ref.uid}: "
            "it was deleted and created anew; delete the pod, so that one is made for the new claim"
        )
    if claim.status.allocation is None:
        raise ClaimError("the claim is not allocated: leave the choice of the pod's node to the scheduler")
    allocated = claim.status.allocation.devices
    ours = [result for result in allocated.results if result.driver == DRIVER_NAME]
    if not ours:
        others = ", ".join(sorted({result.driver for result in allocated.results})) or "none"
        raise ClaimError(f"the claim's allocation has no device of {DRIVER_NAME}; its drivers: {others}")
    configs = read_configs(allocated.config)
    shares = tuple(_share(result, ref, pool, gpus, effective(configs, result.request), enforcement) for result in ours)
    _check_names(shares)
    return shares


def _share(
    result: DeviceRequestAllocationResult,
    ref: ClaimRef,
    pool: str,
    gpus: Mapping[str, Gpu],
    config: ShareConfig,
    enforcement: Wanted,
) -> Share:
    if result.pool != pool:
        raise ClaimError(f"request {result.request}: device {result.device} is in pool {result.pool}, not {pool}")
    gpu = gpus.get(result.device)
    if gpu is None:
        known = ", ".join(gpus) or "none"
        raise ClaimError(
            f"request {result.request}: there is no device {result.device} on this node now, its GPU may have gone; "
            f"there are: {known}; delete the pod, so that it is given another"
        )
    access, cores, memory = _extent(result, gpu)
    return Share(
        claim_namespace=ref.namespace,
        claim_name=ref.name,
        claim_uid=ref.uid,
        request=result.request,
        share_id=_share_id(result),
        pool=result.pool,
        device=result.device,
        gpu_uuid=gpu.uuid,
        cores=cores,
        memory=memory,
        access=access,
        log_level=config.log_level,
        compute_policy=config.compute_policy or "hard",
        priority=config.priority or "low",
        memory_enforcement=_enforcement(result, gpu, enforcement, config) if access == "limited" else "library",
    )


def _enforcement(
    result: DeviceRequestAllocationResult, gpu: Gpu, by_node: Wanted, config: ShareConfig
) -> MemoryEnforcement:
    """Of a limited share: nothing is held of the others."""
    try:
        return enforcement_of(gpu, by_node, config.memory_enforcement)
    except ClaimError as error:
        raise ClaimError(f"request {result.request}: {error}") from error


def _extent(result: DeviceRequestAllocationResult, gpu: Gpu) -> tuple[Access, int, int]:
    """What is granted of the GPU: how, and how many percent of its cores and bytes of its memory.

    Whoever consumes all that is offered of it is alone on it, so nothing needs to be held. All memory with fewer cores
    leaves room for nobody else either, but is a limit that somebody asked for.
    """
    if result.admin_access:
        return "monitor", 0, 0
    cores = _consumed(result, "cores", least=1, most=100)
    memory = _consumed(result, "memory", least=_LEAST_MEMORY, most=gpu.memory_bytes)
    return ("whole" if cores == 100 and memory >= offered_memory(gpu) else "limited"), cores, memory


def _check_names(shares: Sequence[Share]) -> None:
    """Two shares of one name would be one on disk, and container runtimes refuse a spec with such devices."""
    names = [share.name for share in shares]
    if len(set(names)) < len(names):
        twice = next(share for share in shares if names.count(share.name) > 1)
        raise ClaimError(f"request {twice.request}: the allocation has the shareID {twice.share_id} twice")


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
