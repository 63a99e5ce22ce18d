"""What the kubelet asks of this driver: to prepare claims, and to undo it."""

from collections.abc import Sequence

from hami_dra.kube import KubeClient, KubeError, Quantity, ResourceClaim
from hami_dra.kubeletplugin import ClaimError, ClaimRef, PreparedDevice
from hami_dra.shares import ClaimFiles, DamagedRegionError, Share, device_id

from .claims import shares_of
from .enforcement import Wanted
from .events import ClaimEvents
from .health_news import HealthNews
from .metadata import metadata_of
from .node_watch import NodeWatch
from .status_reports import StatusReports

_TOO_LITTLE = 16 * 2**20
"""Bytes. The context of a CUDA program alone takes several times as much on any GPU."""


class ClaimPreparer:
    """The driver's half of the kubelet's calls. Preparing asks the API server for one claim, and nothing else."""

    def __init__(
        self,
        kube: KubeClient,
        watch: NodeWatch,
        files: ClaimFiles,
        reports: StatusReports,
        events: ClaimEvents,
        health: HealthNews,
        enforcement: Wanted,
    ) -> None:
        self._kube = kube
        self._watch = watch
        self._files = files
        self._reports = reports
        self._events = events
        self._health = health
        self._enforcement = enforcement

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        """Lay out a claim's share folders and CDI spec as its allocation is now. Raises ClaimError."""
        found = await self._read(claim)
        try:
            shares = self._lay_out(found, claim)
        except ClaimError as error:
            self._events.refused(claim, found, str(error))
            raise
        self._health.prepared(found, shares)
        self._warn_of_too_little(found, claim, shares)
        return [_prepared(share) for share in shares]

    async def unprepare(self, claim: ClaimRef) -> None:
        """Remove all that bears the claim's UID. Raises ClaimError."""
        try:
            self._files.remove(claim.uid)
        except OSError as error:
            raise ClaimError(f"the claim's files cannot be removed: {error}") from error
        self._reports.unprepared(claim)
        self._events.forget(claim.uid)

    def _lay_out(self, found: ResourceClaim, claim: ClaimRef) -> tuple[Share, ...]:
        if not self._watch.known.is_set():
            raise ClaimError(
                "NVML has not answered since this node's plugin started, so its GPUs are not known yet: GPUs may be "
                "waking; if it lasts, see whether nvidia-smi works on the node, and delete the pod, so that it is "
                "given another GPU"
            )
        node = self._watch.node
        shares = shares_of(found, claim, node.name, node.gpus, self._enforcement)
        metadata = metadata_of(found, claim, shares, node.gpus)
        try:
            self._files.ensure(shares, node.edits, metadata)
        except (OSError, DamagedRegionError) as error:
            raise ClaimError(f"the claim's files cannot be made: {error}") from error
        return shares

    def _warn_of_too_little(self, found: ResourceClaim, claim: ClaimRef, shares: Sequence[Share]) -> None:
        """The scheduler makes the least there is, 1Mi, of `memory: 4096`, which was meant as something else."""
        for share in shares:
            if share.access == "limited" and share.memory < _TOO_LITTLE:
                news = (
                    f"request {share.request} has {Quantity(share.memory)} of GPU memory, too little for any CUDA "
                    "program. A number without a unit is in bytes: ask for 4Gi, and not for 4 or 4096"
                )
                self._events.tell(claim, found, "TooLittleMemory", news)

    async def _read(self, claim: ClaimRef) -> ResourceClaim:
        # A claim can be allocated anew under the same UID, so only the API server's present answer counts.
        try:
            return await self._kube.get_claim(claim.namespace, claim.name)
        except KubeError as error:
            raise ClaimError(str(error)) from error


def _prepared(share: Share) -> PreparedDevice:
    return PreparedDevice(
        requests=(share.request,),
        pool=share.pool,
        device=share.device,
        cdi_device_ids=(device_id(share),),
        share_id=share.share_id,
    )
