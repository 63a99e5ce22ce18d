"""Computes which ResourceSlices to delete, change and create for a node to offer the wanted devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from .core import Node
from .meta import ObjectMeta, OwnerReference
from .resource import Device, ResourcePool, ResourceSlice, ResourceSliceSpec

LARGEST_SLICE = 128
"""Devices that the API server takes in one slice."""


@dataclass(frozen=True, slots=True)
class SliceChanges:
    """What to do, in this order, so that no device is offered twice."""

    delete: tuple[ResourceSlice, ...]
    update: tuple[ResourceSlice, ...]
    create: tuple[ResourceSlice, ...]

    def __bool__(self) -> bool:
        return bool(self.delete or self.update or self.create)


def plan_slices(driver: str, node: Node, devices: Sequence[Device], existing: Sequence[ResourceSlice]) -> SliceChanges:
    """Compare what a driver has published for a node with the devices that it wants to offer there.

    The pool bears the node's name. The generation of all its slices rises when slices come or go or several
    change, so that the scheduler never takes old and new ones together for the whole pool.
    """
    parts = [tuple(devices[start : start + LARGEST_SLICE]) for start in range(0, len(devices), LARGEST_SLICE)]
    pool = [found for found in existing if found.spec.pool.name == node.metadata.name]
    generation = max((found.spec.pool.generation for found in pool), default=0)
    pairs, surplus = _pair(parts, sorted(pool, key=lambda found: found.metadata.name))

    def changes(generation: int) -> SliceChanges:
        wanted = [(_slice(driver, node, part, len(parts), generation, found), found) for part, found in pairs]
        return SliceChanges(
            delete=(*surplus, *(found for found in existing if found not in pool)),
            update=tuple(slice_ for slice_, found in wanted if found and slice_ != found),
            create=tuple(slice_ for slice_, found in wanted if not found),
        )

    small = changes(generation)
    return changes(generation + 1) if surplus or small.create or len(small.update) > 1 else small


def _pair(
    parts: Sequence[tuple[Device, ...]], pool: Sequence[ResourceSlice]
) -> tuple[list[tuple[tuple[Device, ...], ResourceSlice | None]], list[ResourceSlice]]:
    """Give each part the slice that has it already, or else one to overwrite; return what is left over too."""
    free = list(pool)
    unchanged: dict[int, ResourceSlice] = {}
    for index, part in enumerate(parts):
        for found in free:
            if found.spec.devices == part:
                unchanged[index] = found
                free.remove(found)
                break
    pairs = [
        (part, unchanged[index] if index in unchanged else free.pop(0) if free else None)
        for index, part in enumerate(parts)
    ]
    return pairs, free


def _slice(
    driver: str, node: Node, devices: tuple[Device, ...], count: int, generation: int, found: ResourceSlice | None
) -> ResourceSlice:
    """Return a slice as it should be, in place of the one that was found or as a new one."""
    owner = OwnerReference(
        api_version="v1", kind="Node", name=node.metadata.name, uid=node.metadata.uid, controller=True
    )
    metadata = found.metadata if found else ObjectMeta(generate_name=f"{driver}-{node.metadata.name}-")
    return ResourceSlice(
        metadata=replace(metadata, owner_references=(owner,)),
        spec=ResourceSliceSpec(
            driver=driver,
            pool=ResourcePool(name=node.metadata.name, generation=generation, resource_slice_count=count),
            node_name=node.metadata.name,
            devices=devices,
        ),
    )
