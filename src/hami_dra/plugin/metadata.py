"""What containers can read of the GPUs of their claim: the attributes that are published of them."""

from collections.abc import Mapping, Sequence

import msgspec

from hami_dra.gpu import Gpu
from hami_dra.kube import ResourceClaim
from hami_dra.kubeletplugin import POD_CLAIM_ANNOTATION, ClaimError, ClaimRef, DeviceMetadata, RequestMetadata
from hami_dra.shares import DRIVER_NAME, Share

from .slices import attributes


def metadata_of(
    claim: ResourceClaim, ref: ClaimRef, shares: Sequence[Share], gpus: Mapping[str, Gpu]
) -> dict[str, RequestMetadata]:
    """The metadata of each request of a claim that consists of `shares`, of `gpus` (by device name).

    Raises ClaimError.
    """
    by_request: dict[str, list[DeviceMetadata]] = {}
    for share in shares:
        by_request.setdefault(share.request, []).append(_device(share, gpus[share.device]))
    pod_claim = claim.metadata.annotations.get(POD_CLAIM_ANNOTATION)
    try:
        return {
            request: RequestMetadata(DRIVER_NAME, ref, request, devices, pod_claim)
            for request, devices in by_request.items()
        }
    except ValueError as error:
        raise ClaimError(f"the claim's allocation is damaged: {error}") from error


def _device(share: Share, gpu: Gpu) -> DeviceMetadata:
    return DeviceMetadata(share.pool, share.device, msgspec.to_builtins(attributes(gpu)))
