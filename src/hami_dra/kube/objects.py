"""The verbs of the Kubernetes API, the same for every kind of object."""

from collections.abc import Mapping

import msgspec

from .codec import decode, encode
from .core import Eviction
from .kinds import Kind, T
from .meta import Fields
from .transport import Transport


class _ListMeta(Fields, frozen=True):
    resource_version: str = ""


class _List(Fields, frozen=True):
    items: list[msgspec.Raw]
    metadata: _ListMeta


class Objects:
    """Reads and writes objects through a transport."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def get(self, kind: Kind[T], name: str, namespace: str = "") -> T:
        """Read one object."""
        asked = f"get {kind.plural} {_full_name(namespace, name)}"
        answer = await self.transport.request("GET", kind.path(namespace, name), asked)
        return decode(kind.type, answer, asked)

    async def list(self, kind: Kind[T], selector: Mapping[str, str]) -> tuple[list[T], str]:
        """Read all objects that match the selector, and the version of the whole that this is."""
        asked = f"list {kind.plural}"
        answer = decode(_List, await self.transport.request("GET", kind.path(), asked, params=selector), asked)
        return [decode(kind.type, item, asked) for item in answer.items], answer.metadata.resource_version

    async def create(self, kind: Kind[T], wanted: T, *, namespace: str = "", dry_run: bool = False) -> T:
        """Create an object and return it as it was stored, or with `dry_run` as it would be."""
        asked = f"create {kind.plural} {_full_name(namespace, wanted.metadata.name or wanted.metadata.generate_name)}"
        params = {"dryRun": "All"} if dry_run else {}
        answer = await self.transport.request("POST", kind.path(namespace), asked, params=params, body=encode(wanted))
        return decode(kind.type, answer, asked)

    async def update(self, kind: Kind[T], wanted: T, *, subresource: str = "") -> T:
        """Replace an object, or a part of it, and return it as it was stored."""
        meta = wanted.metadata
        asked = f"update {'/'.join(filter(None, (kind.plural, subresource)))} {_full_name(meta.namespace, meta.name)}"
        path = kind.path(meta.namespace, meta.name, subresource)
        return decode(kind.type, await self.transport.request("PUT", path, asked, body=encode(wanted)), asked)

    async def apply(self, kind: Kind[T], wanted: T, field_manager: str, *, subresource: str) -> T:
        """Have a part of an object say what `wanted` says, whoever else wrote it, and return it as it was stored.

        What `field_manager` applied before and no longer wants goes; what others wrote beside it stays.
        """
        meta = wanted.metadata
        asked = f"patch {kind.plural}/{subresource} {_full_name(meta.namespace, meta.name)}"
        answer = await self.transport.request(
            "PATCH",
            kind.path(meta.namespace, meta.name, subresource),
            asked,
            params={"fieldManager": field_manager, "force": "true"},
            body=encode(wanted),
            content_type="application/apply-patch+yaml",
        )
        return decode(kind.type, answer, asked)

    async def evict(self, eviction: Eviction) -> None:
        """Have the API server evict a pod."""
        meta = eviction.metadata
        asked = f"create pods/eviction {_full_name(meta.namespace, meta.name)}"
        path = f"/api/v1/namespaces/{meta.namespace}/pods/{meta.name}/eviction"
        await self.transport.request("POST", path, asked, body=encode(eviction))

    async def delete(self, kind: Kind[T], name: str, namespace: str = "") -> None:
        """Delete an object."""
        asked = f"delete {kind.plural} {_full_name(namespace, name)}"
        await self.transport.request("DELETE", kind.path(namespace, name), asked)


def _full_name(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
