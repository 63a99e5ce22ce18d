"""Events: what a user must act on, told where they look, on the claim and on the pods that wait for it."""

import asyncio
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Never

from msgspec.structs import replace

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


def event_name(about: str, *parts: str) -> str:
    """A name for an Event about what is called so, the same for the same `parts`: the API server takes each once."""
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return f"{about[: _LONGEST_NAME - len(digest) - 1].rstrip('.-')}.{digest}"


@dataclass(frozen=True, slots=True)
class _News:
    """An Event about a claim that has no name yet."""

    claim_uid: str
    event: Event
    is_again: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for the same problem of the same object."""
        return self.event.involved_object.uid, self.event.reason, self.event.message

    def named(self, times_told: int) -> Event:
        """The Event, as told for so many times before: one of the same name is the same, and the API server has it."""
        parts = (*self.key, str(times_told)) if times_told else self.key
        about = self.event.involved_object
        name = event_name(about.name, *parts)
        return replace(self.event, metadata=ObjectMeta(name=name, namespace=about.namespace or "default"))


class ClaimEvents:
    """Tells what is amiss with claims. The kubelet repeats its calls; the same news of a claim is told once."""

    def __init__(self, kube: KubeClient, node_name: str) -> None:
        self._kube = kube
        self._node_name = node_name
        self._waiting: asyncio.Queue[_News] = asyncio.Queue(_MOST_WAITING)
        self._times_told: dict[str, dict[tuple[str, str, str], int]] = {}

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
        *,
        is_again: bool = False,
    ) -> None:
        """Tell something of a claim, as it was just read, on it and its pods; `reason` is a word in camel case.

        What was told before is told another time only where it `is_again` so, after it was not.
        """
        times_told = self._times_told.setdefault(ref.uid, {})
        # Names of files may have what UTF-8 has no bytes for.
        message = f"claim {ref.name}: {news}".encode(errors="replace").decode()
        for about in _concerned(ref, claim):
            untold = event(ObjectMeta(), about, reason, message, self._node_name, type_)
            waiting = _News(ref.uid, untold, is_again)
            if (is_again or waiting.key not in times_told) and not self._waiting.full():
                times_told.setdefault(waiting.key, 0)
                self._waiting.put_nowait(waiting)

    def forget(self, claim_uid: str) -> None:
        """No longer remember what was told of a claim that has ended on this node."""
        self._times_told.pop(claim_uid, None)

    async def run(self) -> Never:
        """Post Events until cancelled. One that cannot be posted is told again with the next refusal."""
        while True:
            waiting = await self._waiting.get()
            times_told = self._times_told.get(waiting.claim_uid, {})
            try:
                times_told[waiting.key] = await self._post(waiting, times_told.get(waiting.key, 0))
            except KubeError as error:
                _log.warning("no Event about a claim: %s", error)
                times_told.pop(waiting.key, None)

    async def _post(self, news: _News, times_told: int) -> int:
        """Post an Event that was told so many times; return how often it is told now."""
        while True:
            try:
                await self._kube.create_event(news.named(times_told))
            except Conflict:  # an earlier process of this plugin has told it
                if not news.is_again:
                    return times_told + 1
            else:
                return times_told + 1
            times_told += 1


def _concerned(ref: ClaimRef, claim: ResourceClaim) -> Iterator[ObjectReference]:
    """The claim, and the pods for which it is reserved."""
    yield ObjectReference(
        api_version=claim.api_version, kind="ResourceClaim", name=ref.name, namespace=ref.namespace, uid=ref.uid
    )
    for consumer in claim.status.reserved_for:
        if consumer.is_pod:
            yield ObjectReference(
                api_version="v1", kind="Pod", name=consumer.name, namespace=ref.namespace, uid=consumer.uid
            )
