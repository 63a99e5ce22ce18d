"""Objects of the API group `v1` (core): nodes and events."""

from datetime import datetime
from typing import Literal

from .meta import Fields, ObjectMeta, ObjectReference, version_field


class Node(Fields, frozen=True, tag_field="kind", tag="Node"):
    """A node, of which only the identity matters here."""

    metadata: ObjectMeta
    api_version: str = version_field("v1")


class Preconditions(Fields, frozen=True):
    """What an object must be for something to be done to it."""

    uid: str


class DeleteOptions(Fields, frozen=True):
    """How an object is deleted."""

    preconditions: Preconditions


class Eviction(Fields, frozen=True, tag_field="kind", tag="Eviction"):
    """Asks for the end of the pod that `metadata` names, as far as disruption budgets allow it."""

    metadata: ObjectMeta
    delete_options: DeleteOptions
    api_version: str = version_field("policy/v1")


class EventSource(Fields, frozen=True):
    """Who reports an event: a component, and the node that it runs on."""

    component: str
    host: str = ""


class Event(Fields, frozen=True, tag_field="kind", tag="Event"):
    """News about an object, as `kubectl describe` lists them (type, reason, age, from, message).

    It lies in the namespace of the object, or in `default` where that has none.
    """

    metadata: ObjectMeta
    involved_object: ObjectReference
    reason: str
    message: str
    type: Literal["Normal", "Warning"]
    source: EventSource
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    count: int = 1
    api_version: str = version_field("v1")
