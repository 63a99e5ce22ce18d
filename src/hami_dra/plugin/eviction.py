"""Evicts pods that use more of a GPU's memory than they were granted, where the administrator wants that."""

import logging
import re
from pathlib import Path

from hami_dra.kube import Conflict, KubeClient, KubeError, NotFound, ResourceClaim, ResourceClaimConsumerReference

_log = logging.getLogger(__name__)

# The kubelet names a pod's cgroup by its UID: `pod<UID>` with cgroupfs, `…-pod<UID>.slice` and no dashes with systemd.
_POD = re.compile(r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})")


def pod_uid(cgroup: Path) -> str | None:
    """The UID of the pod that a container's cgroup belongs to, None where its path does not tell."""
    found = _POD.findall(str(cgroup))
    return found[-1].replace("_", "-") if found else None


class Evictor:
    """Uses the Eviction API, so a PodDisruptionBudget is heeded: what that refuses is tried again."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube
        self._evicted: set[str] = set()
        self._problem = ""

    async def evict(self, claim: ResourceClaim, cgroup: Path) -> str:
        """Evict the pod of a container, one of those that a claim is reserved for; return what to tell, if news."""
        pod = _pod_of(claim, cgroup)
        if pod is None:
            return "" if str(cgroup) in self._evicted else self._nobody(cgroup)
        if pod.uid in self._evicted:
            return ""
        try:
            await self._kube.evict_pod(claim.metadata.namespace, pod.name, pod.uid)
        except (NotFound, Conflict):  # that pod has gone
            return ""
        except KubeError as error:
            if str(error) != self._problem:
                _log.warning("pod %s is not evicted for now: %s", pod.name, error)
            self._problem = str(error)
            return ""
        self._evicted.add(pod.uid)
        return f"pod {pod.name} is evicted: it uses more GPU memory than it was granted (--on-overuse=evict)"

    def _nobody(self, cgroup: Path) -> str:
        self._evicted.add(str(cgroup))
        return f"no pod can be evicted: the claim is reserved for none to which cgroup {cgroup} belongs"


def _pod_of(claim: ResourceClaim, cgroup: Path) -> ResourceClaimConsumerReference | None:
    uid = pod_uid(cgroup)
    return next((each for each in claim.status.reserved_for if each.is_pod and each.uid == uid), None)
