"""Keeps this node's GPUs published, and tells people what to do where the cluster does not allow it."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from hami_dra.kube import Conflict, Device, FieldsDropped, KubeClient, KubeError, ObjectReference, SlicePublisher
from hami_dra.shares import DRIVER_NAME

from .events import warning
from .succession import Succession

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 5


class Publication:
    """The ResourceSlices of one node. Where they cannot be published they are tried again in intervals.

    Of several instances of the plugin, whose slices may differ as their versions do, the newest publishes.
    """

    def __init__(self, kube: KubeClient, node_name: str, succession: Succession) -> None:
        self._kube = kube
        self._node_name = node_name
        self._devices: Sequence[Device] = ()
        self._offered = asyncio.Event()
        self._succession = succession
        self._publisher = SlicePublisher(
            kube, DRIVER_NAME, node_name, is_superseded=lambda: not self._succession.is_newest
        )

    def offer(self, devices: Sequence[Device]) -> None:
        """Want these devices published from now on."""
        self._devices = devices
        self._offered.set()

    async def run(self) -> None:
        """Publish what is offered, and keep it published until cancelled. Raises OSError."""
        self._succession.join()
        async with asyncio.TaskGroup() as tasks:
            await self._publish()
            tasks.create_task(self._publisher.run())
            while True:
                await self._publish()

    async def _publish(self) -> None:
        """Publish the next offer, however often it takes."""
        await self._offered.wait()
        self._offered.clear()
        told = ""
        while (problem := await self._problem()) is not None:
            if str(problem) != told:
                _log.error("GPUs are not published: %s", problem)
                told = str(problem)
                if isinstance(problem, FieldsDropped):
                    await self._tell(told)
            await asyncio.sleep(_RETRY_SECONDS)
        if self._succession.is_newest:
            _log.info("published %d GPUs as devices of %s", len(self._devices), DRIVER_NAME)
        else:
            _log.info("GPUs are published by a newer instance of the plugin")

    async def _problem(self) -> KubeError | None:
        try:
            await self._publisher.publish(self._devices)
        except KubeError as error:
            return error
        return None

    async def _tell(self, message: str) -> None:
        """Post an Event on the node, where an administrator looks who misses its devices."""
        try:
            node = await self._kube.get_node(self._node_name)
            about = ObjectReference(api_version="v1", kind="Node", name=self._node_name, uid=node.metadata.uid)
            with suppress(Conflict):  # told by an earlier process
                await self._kube.create_event(warning(about, "FeatureGateOff", message, self._node_name))
        except KubeError as error:
            _log.warning("no Event about it: %s", error)
