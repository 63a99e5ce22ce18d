"""A DRA driver's presence beside its kubelet."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from .calls import ClaimCalls
from .driver import Driver, HealthSource
from .health import HealthService
from .locks import ClaimLocks
from .registration import RegistrationService
from .server import SocketServer
from .service import DRAService
from .sockets import SocketError, SocketName

_log = logging.getLogger(__name__)

_GRACE = 45.0
"""Seconds after which the kubelet gives up on a call, so that nobody waits for its answer any more."""

_LOOK = 1.0
"""Seconds between two looks whether the sockets are still there."""

_PATIENCE = 30.0
"""Seconds after which a kubelet that does not register the driver is taken to look for it elsewhere."""


class KubeletPlugin:
    """Registers a driver with the kubelet and serves its calls while the context is entered.

    `plugin_dir` is the driver's own folder (`/var/lib/kubelet/plugins/<name>`), `registry_dir` the one that
    the kubelet watches (`/var/lib/kubelet/plugins_registry`); both must have the same path on the host.
    `pod_uid` tells the two instances of a rolling update apart, which then serve side by side (kubelet 1.33 or later);
    without it there must be one instance at a time. `health`, where given, is streamed to the kubelet. Give `locks`
    where jobs of the driver's own must not meet the kubelet's calls: best ClaimLocks(plugin_dir), which is the default.

    Raises SocketError when there is no place for a socket. Sockets that are deleted meanwhile are made again. Leaving
    the context deregisters the driver, lets running calls finish within 45 s, and removes the sockets.
    """

    def __init__(
        self,
        name: str,
        driver: Driver,
        *,
        plugin_dir: Path,
        registry_dir: Path,
        pod_uid: str | None = None,
        health: HealthSource | None = None,
        locks: ClaimLocks | None = None,
    ) -> None:
        self._names = SocketName(plugin_dir, "dra", ".sock"), SocketName(registry_dir, name, "-reg.sock")
        dra_path, registrar_path = (each.path(pod_uid) for each in self._names)
        self._calls = ClaimCalls(locks or ClaimLocks(plugin_dir))
        self._health = HealthService(health)
        dra = DRAService(driver, self._calls)
        self._registration = RegistrationService(name, dra_path, [*dra.versions, *self._health.versions])
        self._dra = SocketServer(dra_path, [*dra.handlers(), *self._health.handlers()])
        self._registrar = SocketServer(registrar_path, self._registration.handlers())
        self._seen = time.monotonic()
        self._exit = AsyncExitStack()

    @property
    def is_registered(self) -> bool:
        """Whether the kubelet has registered the driver, as far as it has said; then it calls this instance."""
        return self._registration.is_registered

    async def __aenter__(self) -> Self:
        """Listen for calls first, then let the kubelet find the registration socket."""
        for name in self._names:
            name.remove_dead()
        async with AsyncExitStack() as started:
            await self._dra.start()
            started.push_async_callback(self._calls.finish, _GRACE)
            started.push_async_callback(self._dra.stop, _GRACE)
            started.callback(self._health.stop)
            await self._registrar.start()
            self._seen = time.monotonic()
            started.push_async_callback(self._registrar.stop, 0)
            keeping = asyncio.create_task(self._keep_presence())
            started.callback(keeping.cancel)
            self._exit = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    async def _keep_presence(self) -> None:
        """Put sockets back that somebody deletes, such as with the kubelet's folders. Says once what goes wrong."""
        told: set[str] = set()
        while True:
            await asyncio.sleep(_LOOK)
            problems = {await self._keep(self._dra), await self._keep(self._registrar), self._oversight()}
            for problem in problems - told - {""}:
                _log.error("%s", problem)
            told = problems

    def _oversight(self) -> str:
        """What to do about a kubelet that has not noticed the driver for long, or nothing."""
        if self.is_registered or self._registration.refusal:
            self._seen = time.monotonic()
        if time.monotonic() - self._seen < _PATIENCE:
            return ""
        return (
            f"the kubelet does not register the driver, whose registration socket is {self._registrar.path}. Check "
            "that this is, by the same path on the host, in plugins_registry below the kubelet's --root-dir"
        )

    async def _keep(self, server: SocketServer) -> str:
        """Put a server's socket back if it is lost; return what is wrong with it, or nothing."""
        if server.is_lost:
            if server is self._registrar:
                self._registration.is_registered = False
            try:
                await server.start()
            except SocketError as error:
                return f"{error}. The kubelet cannot call the driver until this is mended"
            _log.warning("%s was deleted and is there again", server.path)
        elif server.is_replaced:
            return f"another process has put a socket at {server.path}: instances that run side by side need a pod_uid"
        return ""
