"""Pods of an in-memory API server, as far as they are evicted."""

from typing import Any

from aiohttp import web

from .kinds import POD
from .refusal import Refusal
from .store import Object, Store


class Pods:
    """The pods of a store. `evicted` are those whose end was asked for by the Eviction API, in order.

    Without `disruptions_allowed` each has a PodDisruptionBudget that forbids it.
    """

    def __init__(self, store: Store) -> None:
        self.disruptions_allowed = True
        self.evicted: list[str] = []
        self._store = store

    def add(self, namespace: str, name: str) -> str:
        """Have a pod; return its UID."""
        made = self._store.create(POD, namespace, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}})
        return str(made["metadata"]["uid"])

    async def evict(self, request: web.Request) -> web.Response:
        """Answer `POST …/pods/NAME/eviction`."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        asked: Any = await request.json()
        if (asked.get("apiVersion"), asked.get("kind")) != ("policy/v1", "Eviction"):
            raise Refusal(400, "BadRequest", "the body is no policy/v1 Eviction")
        pod: Object = self._store.get(POD, namespace, name)
        wanted = asked.get("deleteOptions", {}).get("preconditions", {}).get("uid", pod["metadata"]["uid"])
        if wanted != pod["metadata"]["uid"]:
            raise Refusal(409, "Conflict", f"the UID in the precondition ({wanted}) is not that of pod {name}")
        if not self.disruptions_allowed:
            raise Refusal(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.")
        self._store.delete(POD, namespace, name)
        self.evicted.append(f"{namespace}/{name}")
        return web.json_response({"apiVersion": "v1", "kind": "Status", "status": "Success"}, status=201)
