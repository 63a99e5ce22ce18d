"""What a plugin does, each from a beginning that can be made again, so that it can be disturbed in the midst of it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hami_dra.kube import DeviceRequestAllocationResult
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.local.apiserver.kinds import RESOURCE_SLICE
from tests.integration.test_crash_points.fragile import FragileNode
from tests.integration.test_plugin.node import DRIVER, NAME, share, until


class Scene(Protocol):
    """One thing that a plugin does."""

    async def begin(self, node: FragileNode) -> None:
        """Lay out the beginning, whatever there was before."""
        ...

    async def act(self, node: FragileNode) -> None:
        """Have it done, and wait until it is. Raises ClaimError where that is what the plugin answers."""
        ...

    async def resume(self, node: FragileNode) -> None:
        """Do what kubelet and node do when the plugin has gone in the midst of it."""
        ...


class Prepare:
    """A claim of two GPUs is prepared for the first time."""

    _shares: tuple[DeviceRequestAllocationResult, ...] = (share("small", 0), share("large", 1))
    _claim: ClaimRef | None = None

    async def claim(self, node: FragileNode) -> ClaimRef:
        """The claim, always the same one."""
        self._claim = self._claim or await node.claim("claim", *self._shares)
        return self._claim

    async def begin(self, node: FragileNode) -> None:
        if not node.lives:
            await node.start()
        claim = await self.claim(node)
        await node.unprepare(claim)
        assert node.files(claim) == []

    async def act(self, node: FragileNode) -> None:
        (answer,) = await node.prepare(await self.claim(node))
        if isinstance(answer, ClaimError):
            raise answer

    async def resume(self, node: FragileNode) -> None:
        await node.kill()
        await node.start()
        await self.act(node)


class Mend(Prepare):
    """A claim is prepared of which parts were deleted and changed."""

    _shares = (share("gpu", 0),)

    async def begin(self, node: FragileNode) -> None:
        await super().begin(node)
        await self.act(node)
        for path in node.files(await self.claim(node)):
            if path.name == "limits":
                path.write_text("bad")
            elif path.name != "share.json" and path.is_file():
                path.unlink()


class PrepareAnew(Prepare):
    """A claim is prepared that was allocated anew."""

    _shares = (share("gpu", 0),)
    _anew = (share("gpu", 1),)

    async def begin(self, node: FragileNode) -> None:
        await super().begin(node)
        await self._allocate(node, self._shares)
        await self.act(node)
        await self._allocate(node, self._anew)

    async def _allocate(self, node: FragileNode, results: Sequence[DeviceRequestAllocationResult]) -> None:
        ref = await self.claim(node)
        await node.allocate(await node.kube.get_claim(ref.namespace, ref.name), *results)


class Unprepare(Prepare):
    """A claim is unprepared."""

    _shares = (share("gpu", 0),)

    async def begin(self, node: FragileNode) -> None:
        await super().begin(node)
        await super().act(node)

    async def act(self, node: FragileNode) -> None:
        claim = await self.claim(node)
        problem = (await node.kubelet.unprepare(DRIVER, [claim]))[claim.uid]
        if problem:
            raise problem


class Start:
    """The plugin starts on a node that has never seen it: installs, listens, publishes."""

    async def begin(self, node: FragileNode) -> None:
        await node.kill()
        for folder in (node.state_dir, node.install_dir, node.plugin_dir):
            shutil.rmtree(folder, ignore_errors=True)
        for socket in node.registry_dir.iterdir():
            socket.unlink()
        self._withdraw(node)

    def _withdraw(self, node: FragileNode) -> None:
        for slice_ in node.api.store.list(RESOURCE_SLICE, lambda _: True):
            node.api.store.delete(RESOURCE_SLICE, "", slice_["metadata"]["name"])

    async def act(self, node: FragileNode) -> None:
        await node.start()
        await until(lambda: self._is_done(node), "what the plugin does at start")

    async def resume(self, node: FragileNode) -> None:
        await node.kill()
        await self.act(node)

    def _is_done(self, node: FragileNode) -> bool:
        slices = node.api.store.list(RESOURCE_SLICE, lambda _: True)
        return [len(slice_["spec"]["devices"]) for slice_ in slices] == [2]


class Republish(Start):
    """The plugin starts and finds slices that say something else than there is."""

    async def begin(self, node: FragileNode) -> None:
        await node.kill()
        self._withdraw(node)
        for number in (1, 2):
            node.api.store.create(
                RESOURCE_SLICE,
                "",
                {
                    "apiVersion": RESOURCE_SLICE.api_version,
                    "kind": RESOURCE_SLICE.name,
                    "metadata": {"name": f"old-{number}"},
                    "spec": {
                        "driver": DRIVER,
                        "nodeName": NAME,
                        "pool": {"name": NAME, "generation": 1, "resourceSliceCount": 2},
                        "devices": [{"name": f"gpu-{number}"}],
                    },
                },
            )


class Sweep(Start):
    """The plugin starts and finds what was prepared for a claim that is gone, beside one that is not."""

    _saved: Path | None = None

    async def begin(self, node: FragileNode) -> None:
        if self._saved is None:
            self._saved = await self._save(node)
        await node.kill()
        for folder in (node.cdi_dir, node.state_dir):
            shutil.rmtree(folder)
            shutil.copytree(self._saved / folder.name, folder)

    async def _save(self, node: FragileNode) -> Path:
        """Where the files of both claims lie for another time."""
        await node.start()
        self._gone, kept = await node.claim("gone", share("gpu", 0)), await node.claim("kept", share("gpu", 0))
        await node.prepare(self._gone, kept)
        await node.kube.delete_claim(self._gone.namespace, self._gone.name)
        return shutil.copytree(node.folder, node.folder.with_suffix(".saved"), ignore=shutil.ignore_patterns("*.sock"))

    def _is_done(self, node: FragileNode) -> bool:
        return super()._is_done(node) and node.files(self._gone) == []
