"""One node without a cluster: an API server in memory, a kubelet, and the driver's plugin as a process of its own."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Self, TypeVar

import grpc
import msgspec

from ..kube import KubeClient, ResourceClaim, ResourceClaimStatus, ResourceSlice
from ..kubeletplugin import ClaimRef, PreparedDevice
from .allocator import allocate
from .apiserver import ApiServer
from .kubelet import Kubelet

T = TypeVar("T")

_START = 20.0
_STOP = 10.0
"""Seconds."""


class NodeError(Exception):
    """The node did not come up or lost its plugin; the text ends with what the plugin wrote last."""


class LocalNode:
    """A node whose plugin registers itself, while the context is entered; all its files lie in `folder`.

    `plugin` is the command that starts the plugin; the flags that tell it where this node's folders and API server are
    are added here. Claims of `driver` are allocated as the scheduler would, their device class is the driver's name.
    The plugin runs as the process `plugin_pid`; `kubelet` and `api` speak with it and with the API server.
    """

    def __init__(self, folder: Path, *, driver: str, plugin: Sequence[str], name: str = "local") -> None:
        self.name = name
        self.driver = driver
        self.cdi_dir = folder / "cdi"
        self.shares_dir = folder / "state" / "shares"
        self.log = folder / "plugin.log"
        self._folder = folder
        self._command = plugin
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start everything and wait until the plugin has registered and published; raises NodeError."""
        async with AsyncExitStack() as started:
            registry = self._folder / "registry"
            registry.mkdir(parents=True)
            server = await started.enter_async_context(ApiServer())
            server.add_node(self.name)
            self.api = await started.enter_async_context(KubeClient.from_url(server.url))
            self.kubelet = await started.enter_async_context(Kubelet(registry))
            await self._start_plugin(server.url, registry, started)
            self._exit = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    async def slices(self) -> list[ResourceSlice]:
        """Return what the driver has published."""
        return await self.api.list_slices(driver=self.driver)

    async def allocate(self, claim: ResourceClaim) -> ResourceClaim:
        """Create a claim and give it devices beside the other claims; raises AllocationError."""
        created = await self.api.create_claim(claim)
        others = await self.api.list_claims()
        allocation = allocate(created, await self.slices(), others, drivers={self.driver: self.driver})
        status = ResourceClaimStatus(allocation=allocation)
        return await self.api.update_claim_status(msgspec.structs.replace(created, status=status))

    async def prepare(self, claim: ResourceClaim) -> tuple[PreparedDevice, ...]:
        """Have the plugin prepare a claim; raises ClaimError and NodeError."""
        answer = await self._answer(self.kubelet.prepare(self.driver, [_reference(claim)]), claim)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def release(self, claim: ResourceClaim) -> None:
        """Have the plugin unprepare a claim, and delete it; raises ClaimError and NodeError."""
        problem = await self._answer(self.kubelet.unprepare(self.driver, [_reference(claim)]), claim)
        if problem:
            raise problem
        await self.api.delete_claim(claim.metadata.namespace, claim.metadata.name)

    async def _answer(self, call: Awaitable[Mapping[str, T]], claim: ResourceClaim) -> T:
        """What the plugin answers of a claim."""
        try:
            return (await call)[claim.metadata.uid]
        except (grpc.aio.AioRpcError, KeyError) as error:
            raise NodeError(f"the plugin does not answer:\n{self._last_words()}") from error

    async def _start_plugin(self, api_server: str, registry: Path, started: AsyncExitStack) -> None:
        flags = {
            "node-name": self.name,
            "api-server": api_server,
            "cdi-dir": self.cdi_dir,
            "state-dir": self.shares_dir.parent,
            "install-dir": self._folder / "install",
            "plugin-dir": self._folder / "plugin",
            "registry-dir": registry,
        }
        arguments = [f"--{name}={value}" for name, value in flags.items()]
        with self.log.open("wb") as log:
            # In a group of its own: at Ctrl-C whoever runs this ends it, and does not lose it meanwhile.
            process = await asyncio.create_subprocess_exec(
                *self._command, *arguments, stdout=log, stderr=log, process_group=0
            )
        started.push_async_callback(_stop, process)
        self.plugin_pid = process.pid
        ready, ended = asyncio.create_task(self._ready()), asyncio.create_task(process.wait())
        await asyncio.wait((ready, ended), timeout=_START, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            what = f"ended with status {process.returncode}" if ended.done() else f"was not ready in {_START:.0f} s"
            raise NodeError(f"the plugin {what}:\n{self._last_words()}")
        ready.result()

    async def _ready(self) -> None:
        await self.kubelet.registered(self.driver)
        async with aclosing(self.api.watch_slices(driver=self.driver)) as events:
            await anext(events)

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the plugin as a kubelet ends a pod: ask first."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP)
        except TimeoutError:
            process.kill()
            await process.wait()


def _reference(claim: ResourceClaim) -> ClaimRef:
    return ClaimRef(claim.metadata.namespace, claim.metadata.name, claim.metadata.uid)
