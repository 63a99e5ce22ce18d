"""Events on this node, where an administrator looks who misses its devices."""

import asyncio
import logging
from typing import Literal

from msgspec.structs import replace

from hami_dra.kube import Event, KubeClient, KubeError, ObjectMeta, ObjectReference

from .events import event

_log = logging.getLogger(__name__)

_MOST_WAITING = 256
"""Events that wait for the API server: a GPU that comes and goes would fill the memory with them while that is away."""


class NodeEvents:
    """Posts news about the node while it runs, and lets nobody wait for that; what cannot be posted is only logged."""

    def __init__(self, kube: KubeClient, node_name: str) -> None:
        self._kube = kube
        self._node_name = node_name
        self._untold: asyncio.Queue[Event] = asyncio.Queue(_MOST_WAITING)

    def tell(self, reason: str, message: str, type_: Literal["Normal", "Warning"] = "Warning") -> None:
        """Have an Event posted; `reason` is a word in camel case."""
        metadata = ObjectMeta(generate_name=f"{self._node_name}.", namespace="default")
        about = ObjectReference(api_version="v1", kind="Node", name=self._node_name)
        if self._untold.full():
            self._untold.get_nowait()  # what is told last counts most; all is in the log
        self._untold.put_nowait(event(metadata, about, reason, message, self._node_name, type_))

    async def run(self) -> None:
        """Post one after the other, until cancelled."""
        while True:
            untold = await self._untold.get()
            try:
                node = await self._kube.get_node(self._node_name)
                about = replace(untold.involved_object, uid=node.metadata.uid)
                await self._kube.create_event(replace(untold, involved_object=about))
            except KubeError as error:
                _log.warning("no Event %s on the node: %s", untold.reason, error)
