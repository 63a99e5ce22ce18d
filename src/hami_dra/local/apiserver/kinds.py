"""The kinds of objects that an in-memory API server knows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, its API group and version, its name in paths, and whether it lies in namespaces."""

    name: str
    api_version: str
    plural: str
    namespaced: bool = False

    @property
    def root(self) -> str:
        """The path that all objects of its API group share."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


NODE = Kind("Node", "v1", "nodes")
EVENT = Kind("Event", "v1", "events", namespaced=True)
POD = Kind("Pod", "v1", "pods", namespaced=True)
DEVICE_CLASS = Kind("DeviceClass", "resource.k8s.io/v1", "deviceclasses")
RESOURCE_SLICE = Kind("ResourceSlice", "resource.k8s.io/v1", "resourceslices")
RESOURCE_CLAIM = Kind("ResourceClaim", "resource.k8s.io/v1", "resourceclaims", namespaced=True)
KINDS = (NODE, EVENT, POD, DEVICE_CLASS, RESOURCE_SLICE, RESOURCE_CLAIM)
