"""Keeps this node's GPUs published, and tells people what to do where the cluster does not allow it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from hami_dra.kube import Device, FieldsDropped, Invalid, KubeClient, KubeError, SlicePublisher, TaintsDropped
from hami_dra.shares import DRIVER_NAME

from .node_events import NodeEvents
from .succession import Succession
from .taints import offers

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 5


class Publication:
    """The ResourceSlices of one node. Where they cannot be published they are tried again in intervals.

    Of several instances of the plugin, whose slices may differ as their versions do, the newest publishes.
    Where the cluster has no taints, the devices with taints that are not `is_in_use` are held back.
    """

    def __init__(
        self,
        kube: KubeClient,
        node_name: str,
        succession: Succession,
        events: NodeEvents,
        is_in_use: Callable[[Device], bool],
    ) -> None:
        self._devices: Sequence[Device] = ()
        self._offered = asyncio.Event()
        self._succession = succession
        self._events = events
        self._is_in_use = is_in_use
        self._is_makeshift = False
        self._publisher = SlicePublisher(
            kube,
            DRIVER_NAME,
            node_name,
            is_superseded=lambda: not self._succession.is_newest,
            on_problem=self._tell,
        )

    def offer(self, devices: Sequence[Device]) -> None:
        """Want these devices published from now on."""
        if devices != self._devices or not devices:
            self._devices = devices
            self._offered.set()

    async def run(self) -> None:
        """Publish what is offered, and keep it published until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            await self._publish()
            tasks.create_task(self._publisher.run())
            while True:
                await self._publish()

    async def _publish(self) -> None:
        """Publish the next offer, however often it takes; without the taints of the last one, try that again too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_RETRY_SECONDS if self._is_makeshift else None):
                await self._offered.wait()
        is_news = self._offered.is_set()
        self._offered.clear()
        told = ""
        while (problem := await self._problem()) is not None:
            if str(problem) != told:
                _log.error("GPUs are not published: %s", problem)
                told = str(problem)
                self._tell(problem)
            await asyncio.sleep(_RETRY_SECONDS)
        if not is_news:
            return
        if self._succession.is_newest:
            _log.info("published %d GPUs as devices of %s", len(self._devices), DRIVER_NAME)
        else:
            _log.info("GPUs are published by a newer instance of the plugin")

    def _tell(self, problem: KubeError) -> None:
        """Tell people of what they can mend in the cluster."""
        if isinstance(problem, FieldsDropped):
            self._events.tell("FeatureGateOff", str(problem))

    async def _problem(self) -> KubeError | None:
        """Publish the best offer that the cluster takes; return why it takes none."""
        problem: KubeError | None = None
        for number, offer in enumerate(offers(self._devices, self._is_in_use)):
            try:
                await self._publisher.publish(offer)
            except (Invalid, TaintsDropped) as error:
                problem = error
            except KubeError as error:
                return error
            else:
                self._is_makeshift = number > 0
                return None
        return problem
