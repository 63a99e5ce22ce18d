"""A DRA driver's presence beside its kubelet."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from .driver import Driver
from .locks import ClaimLocks
from .registration import RegistrationService
from .service import DRAService
from .sockets import SocketServer, socket_path

_GRACE = 45.0
"""Seconds after which the kubelet gives up on a call, so that nobody waits for its answer any more."""


class KubeletPlugin:
    """Registers a driver with the kubelet and serves its calls while the context is entered.

    `plugin_dir` is the driver's own folder (`/var/lib/kubelet/plugins/<name>`), `registry_dir` the one that
    the kubelet watches (`/var/lib/kubelet/plugins_registry`); both must have the same path on the host. Give
    `locks` where jobs of the driver's own must not meet the kubelet's calls.
    Raises SocketError when there is no place for a socket. Leaving the context deregisters the driver, lets
    running calls finish, and removes the sockets.
    """

    def __init__(
        self, name: str, driver: Driver, *, plugin_dir: Path, registry_dir: Path, locks: ClaimLocks | None = None
    ) -> None:
        self._service = DRAService(driver, locks or ClaimLocks())
        self._dra = SocketServer(socket_path(plugin_dir, "dra.sock"), self._service.handlers())
        self._registrar = SocketServer(
            socket_path(registry_dir, f"{name}-reg.sock"), RegistrationService(name, self._dra.path).handlers()
        )
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Listen for calls first, then let the kubelet find the registration socket."""
        async with AsyncExitStack() as started:
            await self._dra.start()
            started.push_async_callback(self._service.finish, _GRACE)
            started.push_async_callback(self._dra.stop, _GRACE)
            await self._registrar.start()
            started.push_async_callback(self._registrar.stop, 0)
            self._exit = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()
