"""Events: what a user must act on, told where they look, on the claim and on the pods that wait for it."""

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, Never

from hami_dra.kube import (
    Conflict,
    Event,
    EventSource,
    KubeClient,
    KubeError,
    ObjectMeta,
    ObjectReference,
    ResourceClaim,
)
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.shares import DRIVER_NAME

_log = logging.getLogger(__name__)

_REFUSED = "ShareRefused"
_LONGEST_MESSAGE = 1024
_LONGEST_NAME = 253
_MOST_WAITING = 256
"""Events that wait for the API server; what is told beyond them is in the log, and in the kubelet's own event."""


def event(
    metadata: ObjectMeta,
    about: ObjectReference,
    reason: str,
    message: str,
    host: str,
    type_: Literal["Normal", "Warning"] = "Warning",
) -> Event:
    """An Event of now; `reason` is a word in camel case, `host` the node that tells it."""
    now = datetime.now(UTC)
    return Event(
        metadata=metadata,
        involved_object=about,
        reason=reason,
        message=message[:_LONGEST_MESSAGE],
        type=type_,
        source=EventSource(component=DRIVER_NAME, host=host),
        first_timestamp=now,
        last_timestamp=now,
    )


def _name(about: ObjectReference, reason: str, message: str) -> ObjectMeta:
    """The same problem of the same object has the same Event's name: so the API server keeps it from repetition."""
    digest = hashlib.sha256("\0".join((about.uid, reason, message)).encode()).hexdigest()[:16]
    name = f"{about.name[: _LONGEST_NAME - len(digest) - 1].rstrip('.-')}.{digest}"
    return ObjectMeta(name=name, namespace=about.namespace or "default")


class ClaimEvents:
    """Tells what is amiss with claims. The kubelet repeats its calls; the same news of a claim is told once."""

    def __init__(self, kube: KubeClient, node_name: str) -> None:
        self._kube = kube
        self._node_name = node_name
        self._waiting: asyncio.Queue[tuple[str, Event]] = asyncio.Queue(_MOST_WAITING)
        self._told: dict[str, set[str]] = {}

    def refused(self, ref: ClaimRef, claim: ResourceClaim, problem: str) -> None:
        """Tell why a claim, as it was just read, cannot be prepared; nothing waits for it."""
        self.tell(ref, claim, _REFUSED, problem)

    def tell(
        self,
        ref: ClaimRef,
        claim: ResourceClaim,
        reason: str,
        news: str,
        type_: Literal["Normal", "Warning"] = "Warning",
    ) -> None:
        """Tell something of a claim, as it was just read, on it and its pods; `reason` is a word in camel case."""
        told = self._told.setdefault(ref.uid, set())
        # Names of files may have what UTF-8 has no bytes for.
        message = f"claim {ref.name}: {news}".encode(errors="replace").decode()
        for about in _concerned(ref, claim):
            name = _name(about, reason, message)
            if name.name not in told and not self._waiting.full():
                told.add(name.name)
                self._waiting.put_nowait((ref.uid, event(name, about, reason, message, self._node_name, type_)))

    def forget(self, claim_uid: str) -> None:
        """No longer remember what was told of a claim that has ended on this node."""
        self._told.pop(claim_uid, None)

    async def run(self) -> Never:
        """Post Events until cancelled. One that cannot be posted is told again with the next refusal."""
        while True:
            claim_uid, waiting = await self._waiting.get()
            try:
                await self._kube.create_event(waiting)
            except Conflict:
                continue  # an earlier process of this plugin has told it
            except KubeError as error:
                _log.warning("no Event about a claim: %s", error)
                self._told.get(claim_uid, set()).discard(waiting.metadata.name)


def _concerned(ref: ClaimRef, claim: ResourceClaim) -> Iterator[ObjectReference]:
    """The claim, and the pods for which it is reserved."""
    yield ObjectReference(
        api_version=claim.api_version, kind="ResourceClaim", name=ref.name, namespace=ref.namespace, uid=ref.uid
    )
    for consumer in claim.status.reserved_for:
        if (consumer.api_group, consumer.resource) == ("", "pods"):
            yield ObjectReference(
                api_version="v1", kind="Pod", name=consumer.name, namespace=ref.namespace, uid=consumer.uid
            )
