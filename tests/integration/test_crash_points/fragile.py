"""A node whose plugin can be killed at any of its effects, or have any of them fail."""

import asyncio
import stat
from collections.abc import Coroutine
from pathlib import Path

import grpc

from hami_dra.kube import KubeClient
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.apiserver.kinds import RESOURCE_SLICE
from hami_dra.local.kubelet import Kubelet
from hami_dra.shares import REGION_FILE
from hami_dra.shares.region import GENERATION, GENERATION_OFFSET
from hami_dra.sim import Machine
from tests.integration.test_crash_points.nursery import Newborn, Nursery
from tests.integration.test_crash_points.plan import Plan
from tests.integration.test_plugin.node import DRIVER, Node, until


class FragileNode(Node):
    """A node whose plugins come from a nursery and obey a plan. All its files but the log lie in `folder`."""

    def __init__(
        self,
        folder: Path,
        machine: Machine,
        api: ApiServer,
        kube: KubeClient,
        kubelet: Kubelet,
        *,
        nursery: Nursery,
        plan: Plan,
    ) -> None:
        super().__init__(folder, machine, api, kube, kubelet)
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.plan = plan
        self._nursery = nursery
        self._plugin: Newborn | None = None

    @property
    def lives(self) -> bool:
        """Whether the plugin runs."""
        return self._plugin is not None and self._plugin.lives

    def launch(self) -> None:
        """Start the plugin with a new log, and wait for nothing."""
        self.log.write_text("")
        self._plugin = self._nursery.start(self.flags(), self.log)

    async def start(self, *, instances: int = 1) -> None:
        """Start the plugin and wait until the kubelet can call it."""
        self.launch()
        await until(lambda: "the kubelet registered" in self.log.read_text(), "registration of the plugin")
        await self.kubelet.registered(DRIVER, instances=instances)

    async def kill(self) -> None:
        """End the plugin, unless it has ended already."""
        if self._plugin:
            self._plugin.kill()
            await until(lambda: not self.lives, "end of the plugin")

    async def end(self) -> None:
        """Leave no process behind."""
        await self.kill()

    async def lives_through(self, act: Coroutine[None, None, None]) -> None:
        """Have something done with the plugin, until it is done or the plugin has died of it."""
        acting = asyncio.create_task(act)
        await asyncio.sleep(0)  # It may be what starts the plugin.
        await until(lambda: acting.done() or not self.lives, "end of the plugin or of what it does")
        acting.cancel()
        (problem,) = await asyncio.gather(acting, return_exceptions=True)
        if isinstance(problem, Exception) and not isinstance(problem, grpc.aio.AioRpcError):
            raise problem

    def state(self) -> dict[str, object]:
        """Mode and content of each file, and what all slices offer."""
        slices = [slice_["spec"] for slice_ in self.api.store.list(RESOURCE_SLICE, lambda _: True)]
        # Generations tell the scheduler that something changed; a look at half of a change is one more.
        offered = [slice_ | {"pool": slice_["pool"] | {"generation": 1}} for slice_ in slices]
        return {"slices": offered} | {str(path): _state(path) for path in sorted(self.folder.rglob("*"))}


def _state(path: Path) -> tuple[str, bytes]:
    mode = stat.filemode(path.stat().st_mode)
    if not path.is_file():
        return mode, b""
    content = path.read_bytes()
    if path.name == REGION_FILE:  # How often its limits were written means nothing by itself.
        content = content[:GENERATION_OFFSET] + content[GENERATION_OFFSET + GENERATION.size :]
    return mode, content
