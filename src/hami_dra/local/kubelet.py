"""A kubelet's side of the plugin protocol: finds plugins in their registry folder and calls them."""

import asyncio
import logging
import stat
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import grpc

from hami_dra.kubeletplugin import ClaimError, ClaimRef, DeviceHealth, HealthStatus, PreparedDevice
from hami_dra.kubeletplugin._pb import dra_health_pb2, dra_pb2, pluginregistration_pb2
from hami_dra.kubeletplugin.rpc import (
    DRA_VERSIONS,
    GET_INFO,
    HEALTH_VERSIONS,
    NOTIFY_REGISTRATION_STATUS,
    DRAVersion,
    HealthVersion,
)

_log = logging.getLogger(__name__)

_REGISTRATION_TIMEOUT = 1.0
_CALL_TIMEOUT = 45.0
_POLL = 0.02
"""Seconds: the first two are the real kubelet's, which watches the folder where we look again."""

_ALL_VERSIONS = tuple(version.name for version in (*DRA_VERSIONS, *HEALTH_VERSIONS))


@dataclass(frozen=True, slots=True)
class _Plugin:
    """One instance of a driver."""

    driver: str
    endpoint: str
    version: DRAVersion
    health: HealthVersion | None


@dataclass(frozen=True, slots=True)
class _Socket:
    """Which one it is of those that have had the same path; an inode may be used again at once."""

    path: Path
    inode: int
    made_at: int


class Kubelet:
    """Registers the drivers whose sockets appear in `registry_dir` while the context is entered.

    `versions` are the names of the API versions that it speaks; it takes the first of the driver's list that is among
    them, as the real one does. Of several instances of a driver it calls the one that registered last, as that does.
    A call is given up after `call_seconds`.
    """

    def __init__(
        self, registry_dir: Path, *, versions: Sequence[str] = _ALL_VERSIONS, call_seconds: float = _CALL_TIMEOUT
    ) -> None:
        self._registry_dir = registry_dir
        self._versions = {version.name: version for version in DRA_VERSIONS if version.name in versions}
        self._health_versions = {version.name: version for version in HEALTH_VERSIONS if version.name in versions}
        self._call_seconds = call_seconds
        self._plugins: dict[_Socket, _Plugin] = {}
        self._refused: set[str] = set()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)

    async def registered(self, driver: str, *, instances: int = 1) -> str:
        """Wait until so many instances of a driver are registered; return the API version spoken with the last one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._are_registered(driver, instances))
        return self._plugin(driver).version.name

    def endpoint(self, driver: str) -> str:
        """Return the path of the socket on which a registered driver is called; raises KeyError if it is not."""
        return self._plugin(driver).endpoint

    async def refused(self, driver: str) -> None:
        """Wait until a driver has been told that it cannot be registered."""
        async with self._changed:
            await self._changed.wait_for(lambda: driver in self._refused)

    async def deregistered(self, driver: str) -> None:
        """Wait until the registration sockets of all instances of a driver are gone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._instances(driver))

    async def prepare(
        self, driver: str, claims: Sequence[ClaimRef]
    ) -> dict[str, tuple[PreparedDevice, ...] | ClaimError]:
        """Have a registered driver prepare claims; return by UID what came of each.

        Raises grpc.aio.AioRpcError when the call itself fails, KeyError when the driver is not registered.
        """
        plugin = self._plugin(driver)
        request = dra_pb2.NodePrepareResourcesRequest(claims=_references(claims))
        async with grpc.aio.insecure_channel(f"unix:{plugin.endpoint}") as channel:
            response = await plugin.version.prepare.call(channel, request, self._call_seconds)
        return {
            uid: ClaimError(answer.error) if answer.error else tuple(map(_prepared, answer.devices))
            for uid, answer in response.claims.items()
        }

    async def unprepare(self, driver: str, claims: Sequence[ClaimRef]) -> dict[str, ClaimError | None]:
        """Have a registered driver unprepare claims; return by UID what came of each. Raises as `prepare` does."""
        plugin = self._plugin(driver)
        request = dra_pb2.NodeUnprepareResourcesRequest(claims=_references(claims))
        async with grpc.aio.insecure_channel(f"unix:{plugin.endpoint}") as channel:
            response = await plugin.version.unprepare.call(channel, request, self._call_seconds)
        return {uid: ClaimError(answer.error) if answer.error else None for uid, answer in response.claims.items()}

    async def health(self, driver: str) -> AsyncGenerator[list[DeviceHealth], None]:
        """Yield what a registered driver tells of its devices, until it ends; nothing where it serves no health.

        Raises as `prepare` does.
        """
        plugin = self._plugin(driver)
        if plugin.health is None:
            return
        request = dra_health_pb2.NodeWatchResourcesRequest()
        async with grpc.aio.insecure_channel(f"unix:{plugin.endpoint}") as channel:
            async for response in plugin.health.watch.call(channel, request):
                yield [_health(device) for device in response.devices]

    def _instances(self, driver: str) -> list[_Plugin]:
        return [plugin for plugin in self._plugins.values() if plugin.driver == driver]

    def _are_registered(self, driver: str, instances: int) -> bool:
        """Whether that many are, none of which has died since without our having seen it yet."""
        registered = {socket for socket, plugin in self._plugins.items() if plugin.driver == driver}
        return len(registered) == instances and registered <= _sockets(self._registry_dir)

    def _plugin(self, driver: str) -> _Plugin:
        instances = self._instances(driver)
        if not instances:
            raise KeyError(driver)
        return instances[-1]

    async def _watch(self) -> None:
        while True:
            found = _sockets(self._registry_dir)
            for socket in self._plugins.keys() - found:
                del self._plugins[socket]
            for socket in found - self._plugins.keys():
                await self._register(socket)
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(_POLL)

    async def _register(self, socket: _Socket) -> None:
        """Register the driver behind a socket and tell it the outcome; one that does not answer is asked again."""
        async with grpc.aio.insecure_channel(f"unix:{socket.path}") as channel:
            try:
                info = await GET_INFO.call(channel, pluginregistration_pb2.InfoRequest(), _REGISTRATION_TIMEOUT)
                version = next((self._versions[v] for v in info.supported_versions if v in self._versions), None)
                status = pluginregistration_pb2.RegistrationStatus(
                    plugin_registered=version is not None,
                    error="" if version else f"none of {list(info.supported_versions)} is known to this kubelet",
                )
                await NOTIFY_REGISTRATION_STATUS.call(channel, status, _REGISTRATION_TIMEOUT)
            except grpc.aio.AioRpcError as error:
                _log.warning("the plugin at %s does not register: %s", socket.path, error.details())
                return
        if version is None:
            self._refused.add(info.name)
        else:
            known = self._health_versions
            health = next((known[name] for name in info.supported_versions if name in known), None)
            self._plugins[socket] = _Plugin(info.name, info.endpoint, version, health)


def _sockets(folder: Path) -> set[_Socket]:
    """Return the sockets in a folder, but for those that are still in the making."""
    found = set()
    for path in folder.glob("[!.]*.sock"):
        with suppress(FileNotFoundError):
            status = path.stat()
            if stat.S_ISSOCK(status.st_mode):
                found.add(_Socket(path, status.st_ino, status.st_mtime_ns))
    return found


def _references(claims: Iterable[ClaimRef]) -> list[dra_pb2.Claim]:
    return [dra_pb2.Claim(namespace=claim.namespace, name=claim.name, uid=claim.uid) for claim in claims]


def _prepared(device: dra_pb2.Device) -> PreparedDevice:
    return PreparedDevice(
        requests=tuple(device.request_names),
        pool=device.pool_name,
        device=device.device_name,
        cdi_device_ids=tuple(device.cdi_device_ids),
        share_id=device.share_id if device.HasField("share_id") else None,
    )


def _health(device: dra_health_pb2.DeviceHealth) -> DeviceHealth:
    return DeviceHealth(
        pool=device.device.pool_name,
        device=device.device.device_name,
        status=HealthStatus(dra_health_pb2.HealthStatus.Name(device.health).capitalize()),
        checked=datetime.fromtimestamp(device.last_updated_time, UTC),
        message=device.message,
        timeout_seconds=device.health_check_timeout_seconds or None,
    )
