"""Follows what happens to the objects of a kind, without a gap."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import msgspec

from .codec import decode
from .errors import Expired, refusal
from .kinds import Kind, T
from .meta import Fields, ObjectMeta
from .objects import Objects

Watched = TypeVar("Watched")

_PAUSE = 1.0
"""Seconds after a watch that told nothing or came too late: a server that stops, or has too much to do, ends each at
once."""


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[Watched]):
    """An object that is new, changed or gone; a gone one is shown as it was last."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Watched


async def watch(objects: Objects, kind: Kind[T], selector: Mapping[str, str]) -> AsyncGenerator[WatchEvent[T], None]:
    """Yield every object that there is and then what happens, without end.

    When the server no longer knows where to continue, a new list tells what was missed.
    """
    known: dict[str, T] = {}
    while True:
        found, version = await objects.list(kind, selector)
        listed = {each.metadata.uid: each for each in found}
        for event in missed_events(known, listed):
            yield event
        known = listed
        try:
            async for event in _follow(objects, kind, selector, version):
                if event.type == "DELETED":
                    known.pop(event.object.metadata.uid, None)
                else:
                    known[event.object.metadata.uid] = event.object
                yield event
        except Expired:
            await asyncio.sleep(_PAUSE)


def missed_events(known: Mapping[str, T], listed: Mapping[str, T]) -> Iterator[WatchEvent[T]]:
    """Yield what must have happened for the known objects to become the listed ones, both by UID."""
    for uid in known.keys() - listed.keys():
        yield WatchEvent("DELETED", known[uid])
    for uid, found in listed.items():
        if uid not in known:
            yield WatchEvent("ADDED", found)
        elif known[uid] != found:
            yield WatchEvent("MODIFIED", found)


class _Line(Fields, frozen=True):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class _Bookmark(Fields, frozen=True):
    metadata: ObjectMeta


class _Status(Fields, frozen=True):
    code: int
    message: str = ""


async def _follow(
    objects: Objects, kind: Kind[T], selector: Mapping[str, str], version: str
) -> AsyncGenerator[WatchEvent[T], None]:
    """Yield what happens after a version; raises Expired when the server does not go back that far."""
    asked = f"watch {kind.plural}"
    while True:
        params = {**selector, "resourceVersion": version}
        is_silent = True
        async for text in objects.transport.watch(kind.path(), asked, params=params):
            is_silent = False
            line = decode(_Line, text, asked)
            if line.type == "ERROR":
                status = decode(_Status, line.object, asked)
                raise refusal(status.code, asked, status.message)
            if line.type == "BOOKMARK":
                version = decode(_Bookmark, line.object, asked).metadata.resource_version
            else:
                changed = decode(kind.type, line.object, asked)
                version = changed.metadata.resource_version
                yield WatchEvent(line.type, changed)
        if is_silent:
            await asyncio.sleep(_PAUSE)
