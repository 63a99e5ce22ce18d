"""Device metadata (KEP-5304): files in which the containers of a claim read what devices they were given.

https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#device-metadata-protocol. Neither
kubelet nor API server has a part in it, so it needs no feature gate: the driver writes a file per request and mounts it
where every consumer looks.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .driver import ClaimRef

POD_CLAIM_ANNOTATION = "resource.kubernetes.io/pod-claim-name"
"""On a claim that was made from a template: what its pod calls it."""

_FOLDER = "/var/run/kubernetes.io/dra-device-attributes"
_GROUP = "metadata.resource.k8s.io"
_VERSIONS = ("v1beta1", "v1alpha1")  # newest first: a consumer takes the first that it knows
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class DeviceMetadata:
    """A device as its ResourceSlice shows it; the attributes in the API's JSON, `{"uuid": {"string": "…"}}`."""

    pool: str
    device: str
    attributes: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class RequestMetadata:
    """What the containers that use a request read of its devices of one driver.

    `request` is as the allocation names it, `main/sub` for an alternative. `pod_claim` is the value of
    POD_CLAIM_ANNOTATION, None where the claim has none; anybody can write that, so what is no name counts as none.
    Raises ValueError for a request without a proper name.
    """

    driver: str
    claim: ClaimRef
    request: str
    devices: Sequence[DeviceMetadata]
    pod_claim: str | None = None

    def __post_init__(self) -> None:
        if not all(map(_LABEL.fullmatch, self.request.split("/", 1))):
            raise ValueError(f"{self.request!r} is not the name of a request")

    @property
    def path(self) -> str:
        """Where the file is to be mounted, read-only, in each container that is given the request's devices."""
        place = f"resourceclaimtemplates/{self._in_pod}" if self._in_pod else f"resourceclaims/{self.claim.name}"
        return f"{_FOLDER}/{place}/{self.request.partition('/')[0]}/{self.driver}-metadata.json"

    def renewed(self, present: bytes) -> bytes:
        """The file's content, where `present` is what it has now, nothing in the beginning.

        The same news is the same content; other news has a higher generation, by which consumers see that it changed.
        """
        generation = _generation(present)
        if generation and self._content(generation) == present:
            return present
        return self._content(generation + 1)

    @property
    def _in_pod(self) -> str | None:
        return self.pod_claim if self.pod_claim and _LABEL.fullmatch(self.pod_claim) else None

    def _content(self, generation: int) -> bytes:
        """One object for each version, a line each, all of which say the same."""
        return b"".join(json.dumps(self._object(version, generation)).encode() + b"\n" for version in _VERSIONS)

    def _object(self, version: str, generation: int) -> dict[str, Any]:
        claim = {"name": self.claim.name, "namespace": self.claim.namespace, "uid": self.claim.uid}
        devices = [
            {"driver": self.driver, "pool": each.pool, "name": each.device, "attributes": dict(each.attributes)}
            for each in self.devices
        ]
        return {
            "apiVersion": f"{_GROUP}/{version}",
            "kind": "DeviceMetadata",
            "metadata": claim | {"generation": generation},
            **({"podClaimName": self._in_pod} if self._in_pod else {}),
            "requests": [{"name": self.request, "devices": devices}],
        }


def _generation(content: bytes) -> int:
    """That of a file's content, 0 where it has none that can be told."""
    try:
        first, _ = json.JSONDecoder().raw_decode(content.decode())
        generation = first["metadata"]["generation"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return generation if isinstance(generation, int) and generation > 0 else 0
