"""The requests that a DRA driver makes of an API server, by name."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Self

from . import access
from .core import DeleteOptions, Event, Eviction, Node, Preconditions
from .kinds import CLAIMS, EVENTS, NODES, SLICES
from .meta import ObjectMeta
from .objects import Objects
from .resource import ResourceClaim, ResourceSlice
from .transport import Transport
from .watch import WatchEvent, watch


class KubeClient:
    """An API server's client; an async context manager. Every request may raise a KubeError.

    `timeout` is in seconds, for one request from connecting to the last byte of its answer.
    """

    def __init__(self, reached_by: access.Access, *, timeout: float = 10) -> None:
        self._transport = Transport(reached_by, timeout)
        self._objects = Objects(self._transport)

    @classmethod
    def from_cluster(cls) -> Self:
        """Reach the API server from inside a pod, with its service account; raises AccessError."""
        return cls(access.from_cluster())

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Reach the API server of the current context of a kubeconfig file; raises AccessError."""
        return cls(access.from_kubeconfig(path))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Reach an API server that asks for no credentials, such as `kubectl proxy`."""
        return cls(access.Access(url))

    async def __aenter__(self) -> Self:
        """Be ready; connections are made when they are needed."""
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.__aexit__()

    async def get_node(self, name: str) -> Node:
        """Read a node."""
        return await self._objects.get(NODES, name)

    async def create_event(self, event: Event) -> Event:
        """Report an event, in the namespace of the object that it is about."""
        return await self._objects.create(EVENTS, event, namespace=event.involved_object.namespace or "default")

    async def evict_pod(self, namespace: str, name: str, uid: str) -> None:
        """Evict the pod of this UID; raises ApiUnavailable while a disruption budget forbids it."""
        metadata = ObjectMeta(name=name, namespace=namespace)
        await self._objects.evict(Eviction(metadata, DeleteOptions(Preconditions(uid))))

    async def get_claim(self, namespace: str, name: str) -> ResourceClaim:
        """Read a claim as it is now."""
        return await self._objects.get(CLAIMS, name, namespace)

    async def list_claims(self) -> list[ResourceClaim]:
        """Read the claims of all namespaces."""
        claims, _ = await self._objects.list(CLAIMS, {})
        return claims

    async def create_claim(self, claim: ResourceClaim) -> ResourceClaim:
        """Create a claim; its status is not taken."""
        return await self._objects.create(CLAIMS, claim, namespace=claim.metadata.namespace)

    async def update_claim_status(self, claim: ResourceClaim) -> ResourceClaim:
        """Write a claim's status; raises Conflict when the claim is not the version that was read."""
        return await self._objects.update(CLAIMS, claim, subresource="status")

    async def apply_claim_status(self, claim: ResourceClaim, field_manager: str) -> ResourceClaim:
        """Have a claim's status say what this one says, beside what others wrote into it (server-side apply).

        What `field_manager` applied before and is not in it any more goes. Raises Conflict when the claim has another
        UID than the one that is given here.
        """
        return await self._objects.apply(CLAIMS, claim, field_manager, subresource="status")

    async def delete_claim(self, namespace: str, name: str) -> None:
        """Delete a claim."""
        await self._objects.delete(CLAIMS, name, namespace)

    async def list_slices(self, *, driver: str | None = None, node: str | None = None) -> list[ResourceSlice]:
        """Read the slices, those of one driver or one node where that is given."""
        slices, _ = await self._objects.list(SLICES, _selector(driver, node))
        return slices

    def watch_slices(
        self, *, driver: str | None = None, node: str | None = None
    ) -> AsyncGenerator[WatchEvent[ResourceSlice], None]:
        """Yield every slice that there is and then what happens to them, without end and without a gap.

        Raises a KubeError when the API server cannot be reached: begin anew.
        """
        return watch(self._objects, SLICES, _selector(driver, node))

    async def create_slice(self, slice_: ResourceSlice, *, dry_run: bool = False) -> ResourceSlice:
        """Create a slice, or with `dry_run` only learn what would be stored."""
        return await self._objects.create(SLICES, slice_, dry_run=dry_run)

    async def update_slice(self, slice_: ResourceSlice) -> ResourceSlice:
        """Replace a slice; raises Conflict when it is not the version that was read."""
        return await self._objects.update(SLICES, slice_)

    async def delete_slice(self, name: str) -> None:
        """Delete a slice."""
        await self._objects.delete(SLICES, name)


def _selector(driver: str | None, node: str | None) -> dict[str, str]:
    fields = {"spec.driver": driver, "spec.nodeName": node}
    selector = ",".join(f"{field}={value}" for field, value in fields.items() if value)
    return {"fieldSelector": selector} if selector else {}
