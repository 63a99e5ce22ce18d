"""What every Kubernetes object has: metadata, owners and references to other objects."""

from datetime import datetime
from typing import Literal

import msgspec


class Fields(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Base of every object and part of one: JSON names in camel case, absent fields left out."""


def version_field(group_version: str) -> str:
    """Declare an `apiVersion` that is always written: a plain default would be left out."""
    declared: str = msgspec.field(default_factory=lambda: group_version)
    return declared


class OwnerReference(Fields, frozen=True):
    """Ties an object's life to its owner's: the garbage collector deletes it after the owner."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False


class ObjectMeta(Fields, frozen=True):
    """Name, identity and version of an object."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_timestamp: datetime | None = None


class Condition(Fields, frozen=True):
    """One thing that is so, or is not, of an object or a part of one, and since when."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition_time: datetime


class ObjectReference(Fields, frozen=True):
    """Names another object, for an Event about it. A cluster-scoped object has no namespace."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
