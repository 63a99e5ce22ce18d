"""The API client over real HTTP, mostly against the in-memory API server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from aiohttp import web

from hami_dra import kube
from hami_dra.kube import Access, KubeClient, Quantity
from hami_dra.local.apiserver import ApiServer

DRIVER = "gpu.example.com"
DEADLINE = 10


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as server:
        yield server


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[KubeClient]:
    async with KubeClient.from_url(server.url) as client:
        yield client


def new_slice(name: str, *, driver: str = DRIVER, node: str = "node-1", devices: int = 1) -> kube.ResourceSlice:
    made = tuple(
        kube.Device(
            name=f"gpu-{n}",
            attributes={
                "minor": kube.DeviceAttribute(int_=n),
                "ecc": kube.DeviceAttribute(bool_=False),
                "uuid": kube.DeviceAttribute(string=f"GPU-{n}"),
                "driverVersion": kube.DeviceAttribute(version="580.65.6"),
            },
            capacity={"memory": kube.DeviceCapacity(value=Quantity(2**34))},
            allow_multiple_allocations=True,
        )
        for n in range(devices)
    )
    pool = kube.ResourcePool(name=node, generation=1, resource_slice_count=1)
    spec = kube.ResourceSliceSpec(driver=driver, pool=pool, node_name=node, devices=made)
    return kube.ResourceSlice(metadata=kube.ObjectMeta(name=name), spec=spec)


async def test_slices_are_created_listed_changed_and_deleted(client: KubeClient) -> None:
    created = await client.create_slice(new_slice("one"))
    assert created.metadata.uid
    assert created.spec == new_slice("one").spec
    await client.create_slice(new_slice("two", driver="other.example.com"))
    await client.create_slice(new_slice("three", node="node-2"))
    assert [found.metadata.name for found in await client.list_slices()] == ["one", "two", "three"]
    assert [found.metadata.name for found in await client.list_slices(driver=DRIVER)] == ["one", "three"]
    assert await client.list_slices(driver=DRIVER, node="node-1") == [created]
    changed = await client.update_slice(
        kube.ResourceSlice(metadata=created.metadata, spec=new_slice("", devices=2).spec)
    )
    assert len(changed.spec.devices) == 2
    with pytest.raises(kube.Conflict, match=r"update resourceslices one: .* has been modified"):
        await client.update_slice(kube.ResourceSlice(metadata=created.metadata, spec=new_slice("", devices=3).spec))
    await client.delete_slice("one")
    with pytest.raises(kube.NotFound, match=r'delete resourceslices one: resourceslices "one" not found'):
        await client.delete_slice("one")


async def test_a_dry_run_stores_nothing(client: KubeClient) -> None:
    answer = await client.create_slice(new_slice("one"), dry_run=True)
    assert answer.spec == new_slice("one").spec
    assert await client.list_slices() == []


async def test_a_claim_and_its_allocation(client: KubeClient) -> None:
    request = kube.DeviceRequest(name="main", exactly=kube.ExactDeviceRequest(device_class_name="gpu"))
    wanted = kube.ResourceClaim(
        metadata=kube.ObjectMeta(name="claim", namespace="ns"),
        spec=kube.ResourceClaimSpec(devices=kube.DeviceClaim(requests=(request,))),
    )
    created = await client.create_claim(wanted)
    result = kube.DeviceRequestAllocationResult(
        request="main",
        driver=DRIVER,
        pool="node-1",
        device="gpu-0",
        share_id="6f0d8a2e-91b5-4b0e-a6a1-3f6c1d0b7c55",
        consumed_capacity={"memory": Quantity(2**32)},
    )
    allocation = kube.AllocationResult(devices=kube.DeviceAllocationResult(results=(result,)))
    await client.update_claim_status(
        kube.ResourceClaim(metadata=created.metadata, status=kube.ResourceClaimStatus(allocation=allocation))
    )
    read = await client.get_claim("ns", "claim")
    assert (read.spec, read.status.allocation, read.metadata.uid) == (wanted.spec, allocation, created.metadata.uid)
    assert await client.list_claims() == [read]
    await client.delete_claim("ns", "claim")
    with pytest.raises(kube.NotFound, match="get resourceclaims ns/claim"):
        await client.get_claim("ns", "claim")


async def test_an_event_lies_with_its_object(client: KubeClient) -> None:
    now = datetime.now(UTC)
    node = kube.ObjectReference(api_version="v1", kind="Node", name="node-1", uid="uid-1")
    event = kube.Event(
        metadata=kube.ObjectMeta(generate_name="node-1."),
        involved_object=node,
        reason="FeatureGateOff",
        message="enable it",
        type="Warning",
        source=kube.EventSource(component=DRIVER, host="node-1"),
        first_timestamp=now,
        last_timestamp=now,
    )
    created = await client.create_event(event)
    assert created.metadata.namespace == "default"
    assert created.metadata.name.startswith("node-1.")
    assert (created.involved_object, created.message, created.last_timestamp) == (node, "enable it", now)


async def test_nodes(client: KubeClient, server: ApiServer) -> None:
    server.add_node("node-1")
    assert (await client.get_node("node-1")).metadata.uid
    with pytest.raises(kube.NotFound, match=r'get nodes node-2: nodes "node-2" not found'):
        await client.get_node("node-2")


async def test_a_refused_object_tells_the_field(client: KubeClient) -> None:
    with pytest.raises(kube.Invalid, match=r"spec.devices: Too many: must have at most 128 items"):
        await client.create_slice(new_slice("one", devices=129))


class Watcher:
    """Takes one event after the other from a watch."""

    def __init__(self, client: KubeClient) -> None:
        self._events = aiter(client.watch_slices(driver=DRIVER, node="node-1"))

    async def next(self) -> tuple[str, str]:
        async with asyncio.timeout(DEADLINE):
            event = await anext(self._events)
        return event.type, event.object.metadata.name


async def test_watching_tells_what_is_there_and_what_happens(client: KubeClient) -> None:
    await client.create_slice(new_slice("before"))
    watcher = Watcher(client)
    assert await watcher.next() == ("ADDED", "before")
    await client.create_slice(new_slice("elsewhere", node="node-2"))
    large = await client.create_slice(new_slice("large", devices=128))
    assert await watcher.next() == ("ADDED", "large")
    await client.update_slice(kube.ResourceSlice(metadata=large.metadata, spec=new_slice("", devices=2).spec))
    assert await watcher.next() == ("MODIFIED", "large")
    await client.delete_slice("before")
    assert await watcher.next() == ("DELETED", "before")


async def test_watching_goes_on_when_the_server_ends_it(client: KubeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hami_dra.kube.transport._WATCH_TIMEOUT", 0.003)
    watcher = Watcher(client)
    for n in range(40):
        await client.create_slice(new_slice(f"slice-{n}"))
        assert await watcher.next() == ("ADDED", f"slice-{n}")


async def test_watching_lists_anew_when_the_server_has_forgotten(client: KubeClient, server: ApiServer) -> None:
    lost = await client.create_slice(new_slice("lost"))
    changed = await client.create_slice(new_slice("changed"))
    watcher = Watcher(client)
    assert {await watcher.next(), await watcher.next()} == {("ADDED", "lost"), ("ADDED", "changed")}
    await client.delete_slice(lost.metadata.name)
    await client.update_slice(kube.ResourceSlice(metadata=changed.metadata, spec=new_slice("", devices=2).spec))
    await client.create_slice(new_slice("new"))
    server.store.forget()
    seen = [await watcher.next() for _ in range(3)]
    assert seen == [("DELETED", "lost"), ("MODIFIED", "changed"), ("ADDED", "new")]


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serve every path by one handler and return the URL."""
    async with AsyncExitStack() as stack:

        async def start(handler: Handler) -> str:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, shutdown_timeout=0.01)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield start


EXPIRED = b'{"type": "ERROR", "object": {"kind": "Status", "code": 410}}\n'


@pytest.mark.parametrize("told", [b"", EXPIRED], ids=["nothing", "expired"])
async def test_a_server_that_ends_each_watch_at_once_is_not_asked_in_a_loop(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, told: bytes
) -> None:
    pause = 0.05
    monkeypatch.setattr("hami_dra.kube.watch._PAUSE", pause)
    times: asyncio.Queue[float] = asyncio.Queue()

    async def answer(request: web.Request) -> web.Response:
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})
        times.put_nowait(asyncio.get_running_loop().time())
        return web.Response(body=told)

    async with KubeClient.from_url(await serve(answer)) as client:
        watching = asyncio.ensure_future(anext(client.watch_slices()))
        first, second, third = [await times.get() for _ in range(3)]
        assert min(third - second, second - first) >= pause
        watching.cancel()
        await asyncio.wait([watching])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, kube.Invalid),
        (401, kube.Forbidden),
        (403, kube.Forbidden),
        (404, kube.NotFound),
        (409, kube.Conflict),
        (410, kube.Expired),
        (418, kube.KubeError),
        (422, kube.Invalid),
        (429, kube.ApiUnavailable),
        (500, kube.ApiUnavailable),
        (503, kube.ApiUnavailable),
    ],
)
async def test_refusals_have_types_and_say_what_was_asked(
    serve: Serve, status: int, error: type[kube.KubeError]
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": "the reason"}, status=status)

    async with KubeClient.from_url(await serve(refuse)) as client:
        with pytest.raises(error, match=rf"get resourceclaims ns/name: the reason \(HTTP {status}\)") as raised:
            await client.get_claim("ns", "name")
    assert type(raised.value) is error
    assert ("let the role" in str(raised.value)) == (error is kube.Forbidden)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"metadata": 3}', b'{"kind": "Pod", "metadata": {}}', b"\xff"])
async def test_answers_that_make_no_sense_are_errors(serve: Serve, body: bytes) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async with KubeClient.from_url(await serve(answer)) as client:
        with pytest.raises(
            kube.KubeError, match="get resourceclaims ns/name: the API server's answer is not understood"
        ):
            await client.get_claim("ns", "name")


async def test_a_junk_quantity_is_named_with_its_place(serve: Serve) -> None:
    results = [{"request": "a", "driver": "d", "pool": "p", "device": "g", "consumedCapacity": {"memory": "4 GB"}}]

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"metadata": {}, "status": {"allocation": {"devices": {"results": results}}}})

    async with KubeClient.from_url(await serve(answer)) as client:
        with pytest.raises(kube.KubeError, match=r"'4 GB' is not a quantity.*status.allocation.devices.results"):
            await client.get_claim("ns", "name")


async def test_what_kubernetes_writes_for_nothing_is_understood(serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(
            {"metadata": {"creationTimestamp": None}, "spec": {"devices": {"requests": None}}, "status": {}}
        )

    async with KubeClient.from_url(await serve(answer)) as client:
        assert (await client.get_claim("ns", "name")).status.allocation is None


async def test_a_proxy_in_between_is_quoted(serve: Serve) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(text="upstream is down", status=502)

    async with KubeClient.from_url(await serve(refuse)) as client:
        with pytest.raises(kube.ApiUnavailable, match="upstream is down"):
            await client.list_slices()


async def test_a_silent_server_is_not_waited_for(serve: Serve) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    async with KubeClient(Access(await serve(hang)), timeout=0.05) as client:
        with pytest.raises(kube.ApiUnavailable, match=r"get nodes n: http://.* did not answer in time"):
            await client.get_node("n")


async def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with KubeClient.from_url(f"http://127.0.0.1:{unused.getsockname()[1]}") as client:
            because = r"get nodes n: http://127.0.0.1:\d+ cannot be reached: \[Errno 111\] Connect call failed"
            with pytest.raises(kube.ApiUnavailable, match=because):
                await client.get_node("n")


async def test_sent_to_a_name_that_is_none(serve: Serve) -> None:
    async def move(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://{64 * 'a'}.example/")

    async with KubeClient.from_url(await serve(move)) as client:
        with pytest.raises(kube.ApiUnavailable, match=r"get nodes n: http://.* cannot be reached: .*too long"):
            await client.get_node("n")


async def test_the_token_is_read_anew_for_each_request(serve: Serve) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"metadata": {}})

    tokens = iter(["one", "two", None])
    async with KubeClient(Access(await serve(answer), token=lambda: next(tokens))) as client:
        for _ in range(3):
            await client.get_node("n")
    assert seen == ["Bearer one", "Bearer two", None]
