"""The slice publisher against the in-memory API server, over real HTTP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from hami_dra import kube
from hami_dra.kube import KubeClient, Quantity, SlicePublisher
from hami_dra.local.apiserver import ApiServer
from tests.integration.pools import note_complete_pools

DRIVER = "gpu.example.com"
NODE = "node-1"
DEADLINE = 10
RANGE = kube.CapacityRange(min=Quantity(1), max=Quantity(100), step=Quantity(1))
POLICY = kube.CapacityRequestPolicy(default=Quantity(100), valid_range=RANGE)


def gpus(*numbers: int) -> list[kube.Device]:
    cores = kube.DeviceCapacity(value=Quantity(100), request_policy=POLICY)
    return [kube.Device(name=f"gpu-{n}", capacity={"cores": cores}, allow_multiple_allocations=True) for n in numbers]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as server:
        server.add_node(NODE)
        yield server


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[KubeClient]:
    async with KubeClient.from_url(server.url) as client:
        yield client


@pytest.fixture
def publisher(client: KubeClient) -> SlicePublisher:
    return SlicePublisher(client, DRIVER, NODE)


@asynccontextmanager
async def running(publisher: SlicePublisher) -> AsyncIterator[None]:
    task = asyncio.create_task(publisher.run())
    yield
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def offered(client: KubeClient) -> list[str]:
    slices = await client.list_slices(driver=DRIVER, node=NODE)
    return [device.name for slice_ in slices for device in slice_.spec.devices]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not is_so():
            await asyncio.sleep(0.005)


async def until_offered(client: KubeClient, *names: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while await offered(client) != list(names):
            await asyncio.sleep(0.005)


async def test_devices_are_offered_as_a_slice_that_the_node_owns(client: KubeClient, publisher: SlicePublisher) -> None:
    await publisher.publish(gpus(1, 0))
    (slice_,) = await client.list_slices()
    assert slice_.metadata.name.startswith(f"{DRIVER}-{NODE}-")
    assert [owner.uid for owner in slice_.metadata.owner_references] == [(await client.get_node(NODE)).metadata.uid]
    assert slice_.spec.devices == tuple(gpus(1, 0))


async def test_what_a_later_version_published_is_replaced(client: KubeClient, publisher: SlicePublisher) -> None:
    await publisher.publish(
        [replace(gpu, taints=(kube.DeviceTaint("gpu.example.com/ill", "NoSuchEffectYet"),)) for gpu in gpus(0)]
    )
    await publisher.publish(gpus(0))
    assert [slice_.spec.devices for slice_ in await client.list_slices()] == [tuple(gpus(0))]


async def test_publishing_the_same_writes_nothing(
    client: KubeClient, server: ApiServer, publisher: SlicePublisher
) -> None:
    await publisher.publish(gpus(*range(200)))
    version = server.store.version
    await publisher.publish(gpus(*range(200)))
    await SlicePublisher(client, DRIVER, NODE).publish(gpus(*range(200)))
    assert server.store.version == version


async def test_changes_are_published(client: KubeClient, publisher: SlicePublisher) -> None:
    for wanted in (gpus(0, 1), gpus(0), gpus(*range(300)), gpus(*range(100, 300)), []):
        await publisher.publish(wanted)
        slices = await client.list_slices()
        assert sorted(device.name for slice_ in slices for device in slice_.spec.devices) == sorted(
            d.name for d in wanted
        )
        assert {slice_.spec.pool.resource_slice_count for slice_ in slices} <= {len(slices)}
        assert len({slice_.spec.pool.generation for slice_ in slices}) <= 1


async def test_a_scheduler_that_watches_never_takes_a_part_of_300_devices_for_all(
    client: KubeClient, publisher: SlicePublisher
) -> None:
    wanted = [gpus(*range(300)), gpus(*range(1, 300)), gpus(*range(300)), gpus(*range(100, 400)), gpus(*range(70))]
    expected = [{device.name for device in devices} for devices in wanted]
    seen: list[dict[str, kube.Device]] = []
    scheduler = asyncio.create_task(note_complete_pools(client, DRIVER, NODE, seen))
    for number, devices in enumerate(wanted, 1):
        await publisher.publish(devices)
        await until(lambda number=number: len(seen) >= number or scheduler.done())  # type: ignore[misc]
    scheduler.cancel()
    assert [set(pool) for pool in seen] == expected


async def test_one_that_is_superseded_leaves_the_slices_to_its_successor(client: KubeClient) -> None:
    superseded = False
    old = SlicePublisher(client, DRIVER, NODE, is_superseded=lambda: superseded)
    await old.publish(gpus(0))
    superseded = True
    await old.publish(gpus(0, 1))
    assert await offered(client) == ["gpu-0"]
    superseded = False
    async with running(old):
        await until_offered(client, "gpu-0", "gpu-1")


async def test_slices_of_other_drivers_and_nodes_are_left_alone(
    client: KubeClient, server: ApiServer, publisher: SlicePublisher
) -> None:
    server.add_node("node-2")
    await SlicePublisher(client, DRIVER, "node-2").publish(gpus(0))
    await SlicePublisher(client, "other.example.com", NODE).publish(gpus(0))
    await publisher.publish([])
    assert len(await client.list_slices()) == 2


async def test_deleted_slices_are_back_within_a_second(client: KubeClient, publisher: SlicePublisher) -> None:
    await publisher.publish(gpus(0))
    async with running(publisher):
        await asyncio.sleep(0)
        for _ in range(2):
            (slice_,) = await client.list_slices()
            await client.delete_slice(slice_.metadata.name)
            async with asyncio.timeout(1):
                await until_offered(client, "gpu-0")


async def test_foreign_changes_are_undone(client: KubeClient, publisher: SlicePublisher) -> None:
    await publisher.publish(gpus(0, 1))
    async with running(publisher):
        (slice_,) = await client.list_slices()
        await client.update_slice(replace(slice_, spec=replace(slice_.spec, devices=())))
        await until_offered(client, "gpu-0", "gpu-1")


async def test_a_race_with_another_writer_is_settled_by_looking_again(
    client: KubeClient, publisher: SlicePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publisher.publish(gpus(0))
    list_slices, touched = client.list_slices, False

    async def list_then_touch(*, driver: str | None = None, node: str | None = None) -> list[kube.ResourceSlice]:
        """Have somebody else write between the publisher's look and its write, once."""
        nonlocal touched
        slices = await list_slices(driver=driver, node=node)
        if not touched:
            touched = True
            labelled = replace(slices[0].metadata, labels={"touched": "yes"})
            await client.update_slice(replace(slices[0], metadata=labelled))
        return slices

    monkeypatch.setattr(client, "list_slices", list_then_touch)
    await publisher.publish(gpus(0, 1))
    assert await offered(client) == ["gpu-0", "gpu-1"]


async def test_dropped_fields_are_named_and_nothing_is_offered(caplog: pytest.LogCaptureFixture) -> None:
    async with ApiServer(consumable_capacity=False) as server, KubeClient.from_url(server.url) as client:
        server.add_node(NODE)
        whole = [replace(gpus(0)[0], allow_multiple_allocations=False, capacity={})]
        publisher = SlicePublisher(client, DRIVER, NODE)
        await publisher.publish(whole)
        assert await offered(client) == ["gpu-0"]
        with pytest.raises(kube.FieldsDropped, match="enable the feature gate DRAConsumableCapacity") as raised:
            await publisher.publish(gpus(0))
        assert raised.value.fields == ("devices.capacity.cores.requestPolicy", "devices.allowMultipleAllocations")
        assert await offered(client) == []
        async with running(publisher):
            await until(lambda: "DRAConsumableCapacity" in caplog.text)
        assert await offered(client) == []


async def test_without_its_node_or_server_it_says_so_and_recovers(
    client: KubeClient, server: ApiServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.kube.publisher._RESYNC", 0.05)
    monkeypatch.setattr("hami_dra.kube.publisher._PAUSE", 0.01)
    publisher = SlicePublisher(client, DRIVER, "late")
    with pytest.raises(kube.NotFound, match="get nodes late"):
        await publisher.publish(gpus(0))
    async with running(publisher):
        await until(lambda: "get nodes late" in caplog.text)
        await asyncio.sleep(0.2)  # Several resyncs, one log line.
        server.add_node("late")
        async with asyncio.timeout(DEADLINE):
            while not await client.list_slices(node="late"):
                await asyncio.sleep(0.005)
    assert [record.levelno for record in caplog.records if "get nodes late" in record.message] == [logging.ERROR]


async def test_an_api_server_that_goes_away_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hami_dra.kube.publisher._RETRY", 0.05)
    monkeypatch.setattr("hami_dra.kube.publisher._PAUSE", 0.01)
    async with ApiServer() as first:
        port = int(first.url.rpartition(":")[2])
        first.add_node(NODE)
        client = await KubeClient.from_url(first.url).__aenter__()
        publisher = SlicePublisher(client, DRIVER, NODE)
        await publisher.publish(gpus(0))
        keeping = asyncio.create_task(publisher.run())
    async with ApiServer(port=port) as second:
        second.add_node(NODE)
        await until_offered(client, "gpu-0")
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    await client.__aexit__()
