"""The kinds of objects that are used here, and where an API server keeps them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from .core import Event, Node
from .resource import ResourceClaim, ResourceSlice

T = TypeVar("T", Event, Node, ResourceClaim, ResourceSlice)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of object: its type, the root of its API group and its name in paths."""

    type: type[T]
    root: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of all objects, those of a namespace, one, or a part of one."""
        within = f"namespaces/{namespace}" if namespace else ""
        return "/".join(filter(None, (self.root, within, self.plural, name, subresource)))


NODES = Kind(Node, "/api/v1", "nodes")
EVENTS = Kind(Event, "/api/v1", "events")
CLAIMS = Kind(ResourceClaim, "/apis/resource.k8s.io/v1", "resourceclaims")
SLICES = Kind(ResourceSlice, "/apis/resource.k8s.io/v1", "resourceslices")
