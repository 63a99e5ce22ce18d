"""Events on this node, where an administrator looks who misses its devices."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from hami_dra.kube import Conflict, Event, KubeClient, KubeError, ObjectMeta, ObjectReference

from .events import event, event_name

_log = logging.getLogger(__name__)

_MOST_WAITING = 256
"""Events that wait for the API server: a GPU that comes and goes would fill the memory with them while that is away."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class _Untold:
    event: Event
    is_news: bool


class NodeEvents:
    """Posts news about the node while it runs, and lets nobody wait for that; what cannot be posted is only logged."""

    def __init__(self, kube: KubeClient, node_name: str) -> None:
        self._kube = kube
        self._node_name = node_name
        self._boot = _BOOT_ID.read_text()
        self._untold: asyncio.Queue[_Untold] = asyncio.Queue(_MOST_WAITING)

    def tell(
        self, reason: str, message: str, type_: Literal["Normal", "Warning"] = "Warning", *, is_news: bool = True
    ) -> None:
        """Have an Event posted; `reason` is a word in camel case.

        Where it is not known to be news, it is left out if a plugin has told it since the node was booted, as far as
        the API server remembers: an hour, by default.
        """
        name = event_name(self._node_name, reason, message, self._boot)
        about = ObjectReference(api_version="v1", kind="Node", name=self._node_name)
        if self._untold.full():
            self._untold.get_nowait()  # what is told last counts most; all is in the log
        told = event(ObjectMeta(name=name, namespace="default"), about, reason, message, self._node_name, type_)
        self._untold.put_nowait(_Untold(told, is_news))

    async def run(self) -> None:
        """Post one after the other, until cancelled."""
        while True:
            untold = await self._untold.get()
            try:
                await self._post(untold)
            except KubeError as error:
                _log.warning("no Event %s on the node: %s", untold.event.reason, error)

    async def _post(self, untold: _Untold) -> None:
        node = await self._kube.get_node(self._node_name)
        about = replace(untold.event.involved_object, uid=node.metadata.uid)
        told = replace(untold.event, involved_object=about)
        try:
            await self._kube.create_event(told)
        except Conflict:
            if untold.is_news:
                again = ObjectMeta(generate_name=f"{self._node_name}.", namespace="default")
                await self._kube.create_event(replace(told, metadata=again))
