"""Computes which ResourceSlices to delete, change and create for a node to offer the wanted devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from .core import Node
from .meta import ObjectMeta, OwnerReference
from .resource import Device, ResourcePool, ResourceSlice, ResourceSliceSpec

LARGEST_SLICE = 64
"""Devices that the API server takes in one slice where any has a taint. It takes 128 otherwise, but then the first
taint would move half of them into another slice, and the scheduler could use none of them meanwhile."""


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
    pool = sorted(
        (found for found in existing if found.spec.pool.name == node.metadata.name),
        key=lambda found: found.metadata.name,
    )
    parts = _parts(devices, pool)
    kept = [(part, found) for part, found in parts if part]
    surplus = [found for part, found in parts if found and not part]
    generation = max((found.spec.pool.generation for found in pool), default=0)

    def changes(generation: int) -> SliceChanges:
        wanted = [(_slice(driver, node, part, len(kept), generation, found), found) for part, found in kept]
        return SliceChanges(
            delete=(*surplus, *(found for found in existing if found not in pool)),
            update=tuple(slice_ for slice_, found in wanted if found and slice_ != found),
            create=tuple(slice_ for slice_, found in wanted if not found),
        )

    small = changes(generation)
    return changes(generation + 1) if surplus or small.create or len(small.update) > 1 else small


_Part = tuple[tuple[Device, ...], ResourceSlice | None]


def _parts(devices: Sequence[Device], pool: Sequence[ResourceSlice]) -> list[_Part]:
    """Divide the devices between the slices that there are, some of them empty then, and as many new ones as it takes.

    A device stays in its slice, so that one that comes, goes or changes is one write, during which the pool stays
    complete. Within a slice the devices keep the order in which they are given.
    """
    room = [LARGEST_SLICE] * len(pool)
    home = {device.name: index for index, found in enumerate(pool) for device in found.spec.devices}
    placed: dict[str, int] = {}
    for device in devices:
        index = home.get(device.name)
        if index is not None and room[index]:
            placed[device.name] = index
            room[index] -= 1
    for device in devices:
        if device.name not in placed:
            index = next((index for index, free in enumerate(room) if free), len(room))
            if index == len(room):
                room.append(LARGEST_SLICE)
            placed[device.name] = index
            room[index] -= 1
    published = {device.name: device for found in pool for device in found.spec.devices}
    parts: list[list[Device]] = [[] for _ in room]
    for device in devices:
        parts[placed[device.name]].append(_keep_times(device, published.get(device.name)))
    return [(tuple(part), pool[index] if index < len(pool) else None) for index, part in enumerate(parts)]


def _keep_times(device: Device, published: Device | None) -> Device:
    """A device with the times of those taints that it has already: whoever has been restarted does not know them."""
    if not published:
        return device
    times = {(taint.key, taint.value, taint.effect): taint.time_added for taint in published.taints}
    return replace(
        device,
        taints=tuple(
            replace(taint, time_added=times.get((taint.key, taint.value, taint.effect), taint.time_added))
            for taint in device.taints
        ),
    )


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
