"""The claim that a share is of."""

from hami_dra.kube import KubeClient, NotFound, ResourceClaim
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.shares import Share


def claim_ref(share: Share) -> ClaimRef:
    """A share's claim as the kubelet names it."""
    return ClaimRef(share.claim_namespace, share.claim_name, share.claim_uid)


async def read_claim(kube: KubeClient, share: Share) -> ResourceClaim | None:
    """A share's claim as it is now; None where it is gone, and its name perhaps another's. Raises KubeError."""
    try:
        claim = await kube.get_claim(share.claim_namespace, share.claim_name)
    except NotFound:
        return None
    return claim if claim.metadata.uid == share.claim_uid else None
