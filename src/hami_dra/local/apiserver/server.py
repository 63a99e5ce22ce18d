"""The HTTP side of an in-memory API server."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self

from aiohttp import web

from .claim_status import Applied, without_deallocated
from .eviction import Pods
from .gate import drop_consumable_capacity, drop_device_taints
from .kinds import KINDS, NODE, POD, RESOURCE_CLAIM, RESOURCE_SLICE, Kind
from .permission import Permission, permissions_for
from .refusal import Refusal
from .store import Matches, Object, Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY = 3 * 2**20
_LARGEST_SLICE = 128
_LARGEST_SLICE_WITH_TAINTS = 64


class ApiServer:
    """Serves nodes, pods, events, device classes, slices and claims on `url` while the context is entered.

    Without `consumable_capacity`, `device_taints` or `device_status` it behaves like a real one whose feature gate
    DRAConsumableCapacity, DRADeviceTaints or DRAResourceClaimDeviceStatus is off; without `notices`, like one before
    1.35, which knows no taint of the effect `None`. Where a `token` is set it must come with each request. It listens
    on the loopback interface, on any free port where none is named. Entered again it is the same server after a
    restart: same address, same objects. `asked` is what requests needed permission for so far, `refused` what no role
    allows.
    """

    def __init__(self, *, consumable_capacity: bool = True, port: int = 0) -> None:
        self.store = Store()
        self.pods = Pods(self.store)
        self.url = ""
        self.consumable_capacity = consumable_capacity
        self.device_status = True
        self.device_taints = True
        self.notices = True
        self.token: str | None = None
        self.asked: set[Permission] = set()
        self.refused: set[Permission] = set()
        self._applied = Applied()
        self._port = port

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        app = web.Application(
            middlewares=[_answer_refusals, self._authenticate, self._authorize], client_max_size=_LARGEST_BODY
        )
        for kind in KINDS:
            self._add_routes(app.router, kind)
        # Watches never end by themselves, so there is nothing to wait for; aiohttp takes 0 for no timeout at all.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._port = port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def add_node(self, name: str) -> Object:
        """Have a node, as its kubelet would make it."""
        return self.store.create(NODE, "", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refusal(401, "Unauthorized", "Unauthorized")
        return await handler(request)

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        for needed in permissions_for(request.method, request.path, is_watch="watch" in request.query):
            self.asked.add(needed)
            if needed in self.refused:
                raise Refusal(
                    403, "Forbidden", f"cannot {needed.verb} resource {needed.resource!r} in API group {needed.group!r}"
                )
        return await handler(request)

    def _add_routes(self, router: web.UrlDispatcher, kind: Kind) -> None:
        everywhere = f"{kind.root}/{kind.plural}"
        collection = f"{kind.root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else everywhere
        one = f"{collection}/{{name}}"
        router.add_get(everywhere, partial(self._list_or_watch, kind))
        router.add_post(collection, partial(self._create, kind))
        router.add_get(one, partial(self._get, kind))
        router.add_put(one, partial(self._replace, kind))
        router.add_delete(one, partial(self._delete, kind))
        if kind is POD:
            router.add_post(f"{one}/eviction", self.pods.evict)
        if kind is RESOURCE_CLAIM:
            router.add_put(f"{one}/status", partial(self._replace_status, kind))
            router.add_patch(f"{one}/status", partial(self._apply_status, kind))

    async def _list_or_watch(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        matches = _matcher(request.query.get("fieldSelector", ""))
        if request.query.get("watch"):
            return await self._watch(kind, matches, request)
        return web.json_response(
            {
                "apiVersion": kind.api_version,
                "kind": f"{kind.name}List",
                "metadata": {"resourceVersion": str(self.store.version)},
                "items": self.store.list(kind, matches),
            }
        )

    async def _watch(self, kind: Kind, matches: Matches, request: web.Request) -> web.StreamResponse:
        """Send a line for each change until the time is up, and then how far this was."""
        response = web.StreamResponse()

        async def send(type_: str, object_: Object) -> None:
            await response.write(json.dumps({"type": type_, "object": object_}).encode() + b"\n")

        reached = int(request.query["resourceVersion"])
        with suppress(ConnectionError):  # The client may leave at any time.
            await response.prepare(request)
            try:
                async for change in self.store.follow(reached, float(request.query["timeoutSeconds"])):
                    if change.kind == kind and matches(change.object):
                        await send(change.type, change.object)
                    reached = change.version
                await send("BOOKMARK", {"kind": kind.name, "metadata": {"resourceVersion": str(reached)}})
            except Refusal as refusal:
                await send("ERROR", refusal.as_object())
        return response

    async def _create(self, kind: Kind, request: web.Request) -> web.Response:
        wanted = await self._body(kind, request)
        dry_run = request.query.get("dryRun") == "All"
        return web.json_response(self.store.create(kind, _namespace(request), wanted, dry_run=dry_run), status=201)

    async def _get(self, kind: Kind, request: web.Request) -> web.Response:
        return web.json_response(self.store.get(kind, _namespace(request), request.match_info["name"]))

    async def _replace(self, kind: Kind, request: web.Request) -> web.Response:
        """Replace all but the status of an object that has one."""
        namespace, name = _namespace(request), request.match_info["name"]
        wanted = await self._body(kind, request)
        current = self.store.get(kind, namespace, name)
        if "status" in current:
            wanted["status"] = current["status"]
        return web.json_response(self.store.replace(kind, namespace, name, wanted))

    async def _replace_status(self, kind: Kind, request: web.Request) -> web.Response:
        namespace, name = _namespace(request), request.match_info["name"]
        wanted = await self._body(kind, request, with_status=True)
        version = {"resourceVersion": wanted["metadata"].get("resourceVersion")}
        current = self.store.get(kind, namespace, name)
        status = without_deallocated(wanted.get("status", {}))
        changed = {**current, "metadata": current["metadata"] | version, "status": status}
        return web.json_response(self.store.replace(kind, namespace, name, changed))

    async def _apply_status(self, kind: Kind, request: web.Request) -> web.Response:
        """Apply `status.devices` of a claim from the server's side; nothing else of it can be applied."""
        namespace, name = _namespace(request), request.match_info["name"]
        wanted = await self._body(kind, request, with_status=True)
        current = self.store.get(kind, namespace, name)
        if self.device_status:
            current["status"] = self._applied.merge(current, wanted, request.query["fieldManager"])
        return web.json_response(self.store.replace(kind, namespace, name, current))

    async def _delete(self, kind: Kind, request: web.Request) -> web.Response:
        return web.json_response(self.store.delete(kind, _namespace(request), request.match_info["name"]))

    async def _body(self, kind: Kind, request: web.Request, *, with_status: bool = False) -> Object:
        """Return the object in a request as far as this server takes it."""
        try:
            wanted = await request.json()
        except ValueError as error:
            raise Refusal(400, "BadRequest", f"the body is not JSON: {error}") from error
        if (wanted.get("apiVersion"), wanted.get("kind")) != (kind.api_version, kind.name):
            raise Refusal(400, "BadRequest", f"the body is no {kind.api_version} {kind.name}")
        if kind is RESOURCE_SLICE:
            wanted = self._slice(wanted)
        if kind is RESOURCE_CLAIM and not with_status:
            wanted.pop("status", None)
        kept: Object = wanted if self.consumable_capacity else drop_consumable_capacity(wanted)
        return kept

    def _slice(self, wanted: Object) -> Object:
        """Return a slice as far as this server takes it."""
        kept: Object = wanted if self.device_taints else drop_device_taints(wanted)
        devices = kept["spec"].get("devices", [])
        taints = [taint for device in devices for taint in device.get("taints", [])]
        most = _LARGEST_SLICE_WITH_TAINTS if taints else _LARGEST_SLICE
        if len(devices) > most:
            raise Refusal(422, "Invalid", f"spec.devices: Too many: must have at most {most} items")
        if not self.notices and any(taint["effect"] == "None" for taint in taints):
            raise Refusal(422, "Invalid", 'spec.devices[0].taints[0].effect: Unsupported value: "None"')
        return kept


@web.middleware
async def _answer_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return web.json_response(refusal.as_object(), status=refusal.status)


def _namespace(request: web.Request) -> str:
    return request.match_info.get("namespace", "")


def _matcher(selector: str) -> Matches:
    """Return whether an object matches a field selector such as `spec.driver=a,spec.nodeName=b`."""
    conditions = [part.partition("=")[::2] for part in selector.split(",") if part]

    def matches(found: Any) -> bool:
        return all(_field(found, path) == value for path, value in conditions)

    return matches


def _field(found: Any, path: str) -> Any:
    for step in path.split("."):
        found = found.get(step, {})
    return found
