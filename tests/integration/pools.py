"""A pool of devices as a scheduler sees it that watches slices."""

from hami_dra import kube
from hami_dra.kube import KubeClient


async def note_complete_pools(client: KubeClient, driver: str, node: str, seen: list[dict[str, kube.Device]]) -> None:
    """Note the devices of a pool, by name, each time that all slices of its newest generation are there."""
    slices: dict[str, kube.ResourceSlice] = {}
    async for event in client.watch_slices(driver=driver, node=node):
        if event.type == "DELETED":
            del slices[event.object.metadata.name]
        else:
            slices[event.object.metadata.name] = event.object
        newest = max((found.spec.pool.generation for found in slices.values()), default=0)
        pool = [found.spec for found in slices.values() if found.spec.pool.generation == newest]
        devices = [device for spec in pool for device in spec.devices]
        by_name = {device.name: device for device in devices}
        if pool and len(pool) == pool[0].pool.resource_slice_count and (not seen or seen[-1] != by_name):
            assert len(by_name) == len(devices), "a device twice in a pool"
            seen.append(by_name)
