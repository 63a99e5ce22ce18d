"""A kubelet's side of the plugin protocol: finds plugins in their registry folder and calls them."""

import asyncio
import logging
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from hami_dra.kubeletplugin import ClaimError, ClaimRef, PreparedDevice
from hami_dra.kubeletplugin._pb import dra_pb2, pluginregistration_pb2
from hami_dra.kubeletplugin.rpc import DRA_VERSIONS, GET_INFO, NOTIFY_REGISTRATION_STATUS, DRAVersion

log = logging.getLogger(__name__)

_REGISTRATION_TIMEOUT = 1.0
_CALL_TIMEOUT = 45.0
_POLL = 0.02
"""Seconds: the first two are the real kubelet's, which watches the folder where we look again."""


@dataclass(frozen=True, slots=True)
class _Plugin:
    endpoint: str
    version: DRAVersion


@dataclass(frozen=True, slots=True)
class _Socket:
    """Which one it is of those that have had the same path; an inode may be used again at once."""

    path: Path
    inode: int
    made_at: int


class Kubelet:
    """Registers the drivers whose sockets appear in `registry_dir` while the context is entered.

    `versions` are the names of the DRAPlugin versions that it speaks; it takes the first of the driver's
    list that is among them, as the real one does.
    """

    def __init__(self, registry_dir: Path, *, versions: Sequence[str] = ("v1.DRAPlugin", "v1beta1.DRAPlugin")) -> None:
        self._registry_dir = registry_dir
        self._versions = {version.name: version for version in DRA_VERSIONS if version.name in versions}
        self._plugins: dict[str, _Plugin] = {}
        self._sockets: dict[_Socket, str] = {}
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watcher.cancel()
        await asyncio.gather(self._watcher, return_exceptions=True)

    async def registered(self, driver: str) -> str:
        """Wait until a driver is registered and return the API version that is spoken with it."""
        async with self._changed:
            await self._changed.wait_for(lambda: driver in self._plugins)
        return self._plugins[driver].version.name

    async def deregistered(self, driver: str) -> None:
        """Wait until a driver's registration socket is gone."""
        async with self._changed:
            await self._changed.wait_for(lambda: driver not in self._plugins)

    async def prepare(
        self, driver: str, claims: Sequence[ClaimRef]
    ) -> dict[str, tuple[PreparedDevice, ...] | ClaimError]:
        """Have a registered driver prepare claims; return by UID what came of each.

        Raises grpc.aio.AioRpcError when the call itself fails, KeyError when the driver is not registered.
        """
        plugin = self._plugins[driver]
        request = dra_pb2.NodePrepareResourcesRequest(claims=_references(claims))
        async with grpc.aio.insecure_channel(f"unix:{plugin.endpoint}") as channel:
            response = await plugin.version.prepare.call(channel, request, _CALL_TIMEOUT)
        return {
            uid: ClaimError(answer.error) if answer.error else tuple(map(_prepared, answer.devices))
            for uid, answer in response.claims.items()
        }

    async def unprepare(self, driver: str, claims: Sequence[ClaimRef]) -> dict[str, ClaimError | None]:
        """Have a registered driver unprepare claims; return by UID what came of each. Raises as `prepare` does."""
        plugin = self._plugins[driver]
        request = dra_pb2.NodeUnprepareResourcesRequest(claims=_references(claims))
        async with grpc.aio.insecure_channel(f"unix:{plugin.endpoint}") as channel:
            response = await plugin.version.unprepare.call(channel, request, _CALL_TIMEOUT)
        return {uid: ClaimError(answer.error) if answer.error else None for uid, answer in response.claims.items()}

    async def _watch(self) -> None:
        while True:
            found = _sockets(self._registry_dir)
            for socket in self._sockets.keys() - found:
                del self._plugins[self._sockets.pop(socket)]
            for socket in found - self._sockets.keys():
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
                log.warning("the plugin at %s does not register: %s", socket.path, error.details())
                return
        if version is not None:
            self._sockets[socket] = info.name
            self._plugins[info.name] = _Plugin(info.endpoint, version)


def _sockets(folder: Path) -> set[_Socket]:
    """Return the sockets in a folder: that of a plugin which restarts is another one of the same name."""
    found = set()
    for path in folder.glob("*.sock"):
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
