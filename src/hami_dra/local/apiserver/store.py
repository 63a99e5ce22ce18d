"""The objects of an in-memory API server: identity, versions, conflicts, and what happened when."""

import asyncio
import copy
import random
import string
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from .kinds import Kind
from .refusal import Refusal

Object = dict[str, Any]
Matches = Callable[[Object], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history: an object as it was after the change, or last before it was deleted."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: Kind
    object: Object


class Store:
    """All objects by kind, namespace and name, and the history that watches follow.

    What goes in and comes out is copied, so that nobody changes an object behind the history's back.
    """

    def __init__(self) -> None:
        self.version = 0
        self._objects: dict[tuple[Kind, str, str], Object] = {}
        self._history: list[Change] = []
        self._forgotten = 0
        self._news = asyncio.Event()

    def create(self, kind: Kind, namespace: str, wanted: Object, *, dry_run: bool = False) -> Object:
        """Add an object, named here when it only has a `generateName`."""
        made = copy.deepcopy(wanted)
        metadata = made.setdefault("metadata", {})
        base = metadata.get("generateName", "")
        if not metadata.get("name"):
            if not base:
                raise Refusal(422, "Invalid", f"{kind.name} is invalid: metadata.name: Required value")
            metadata["name"] = base[:58] + "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        key = (kind, namespace, metadata["name"])
        if key in self._objects:
            raise Refusal(409, "AlreadyExists", f'{kind.plural} "{metadata["name"]}" already exists')
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if namespace:
            metadata["namespace"] = namespace
        if dry_run:
            return made
        return self._record("ADDED", key, made)

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object."""
        found = self._objects.get((kind, namespace, name))
        if found is None:
            raise Refusal(404, "NotFound", f'{kind.plural} "{name}" not found')
        return copy.deepcopy(found)

    def list(self, kind: Kind, matches: Matches) -> list[Object]:
        """Return the objects of all namespaces that match."""
        return [copy.deepcopy(found) for key, found in self._objects.items() if key[0] == kind and matches(found)]

    def replace(self, kind: Kind, namespace: str, name: str, wanted: Object) -> Object:
        """Replace an object, unless it has changed since the version that `wanted` was made from."""
        current = self.get(kind, namespace, name)
        made = copy.deepcopy(wanted)
        metadata = made.setdefault("metadata", {})
        if metadata.get("resourceVersion") not in (None, current["metadata"]["resourceVersion"]):
            raise Refusal(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {kind.plural} "{name}": the object has been modified; '
                "please apply your changes to the latest version and try again",
            )
        for field in ("uid", "creationTimestamp", "resourceVersion"):
            metadata[field] = current["metadata"][field]
        return current if made == current else self._record("MODIFIED", (kind, namespace, name), made)

    def delete(self, kind: Kind, namespace: str, name: str) -> Object:
        """Remove an object and return it."""
        return self._record("DELETED", (kind, namespace, name), self.get(kind, namespace, name))

    def forget(self) -> None:
        """Drop the history, as etcd's compaction does: who follows from an older version has to list anew."""
        self._history.clear()
        self._forgotten = self.version
        self._wake()

    async def follow(self, since: int, seconds: float) -> AsyncIterator[Change]:
        """Yield what happened after a version, and what happens in the next seconds; refuses a forgotten version."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            if since < self._forgotten:
                raise Refusal(410, "Expired", f"too old resource version: {since} ({self._forgotten})")
            news = self._news
            for change in [change for change in self._history if change.version > since]:
                yield change
                since = change.version
            try:
                async with asyncio.timeout_at(end):
                    await news.wait()
            except TimeoutError:
                return

    def _record(
        self, type_: Literal["ADDED", "MODIFIED", "DELETED"], key: tuple[Kind, str, str], after: Object
    ) -> Object:
        self.version += 1
        after["metadata"]["resourceVersion"] = str(self.version)
        if type_ == "DELETED":
            del self._objects[key]
        else:
            self._objects[key] = after
        self._history.append(Change(self.version, type_, key[0], copy.deepcopy(after)))
        self._wake()
        return copy.deepcopy(after)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
