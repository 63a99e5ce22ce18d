"""Events on this node, where an administrator looks who misses its devices."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace

from hami_dra.kube import Event, EventSource, KubeClient, KubeError, ObjectMeta, ObjectReference
from hami_dra.shares import DRIVER_NAME

_log = logging.getLogger(__name__)


class NodeEvents:
    """Posts news about the node while it runs, and lets nobody wait for that; what cannot be posted is only logged."""

    def __init__(self, kube: KubeClient, node_name: str) -> None:
        self._kube = kube
        self._node_name = node_name
        self._untold: asyncio.Queue[Event] = asyncio.Queue()

    def tell(self, reason: str, message: str, type_: Literal["Normal", "Warning"] = "Warning") -> None:
        """Have an Event posted; `reason` is a word in camel case."""
        now = datetime.now(UTC)
        self._untold.put_nowait(
            Event(
                metadata=ObjectMeta(generate_name=f"{self._node_name}.", namespace="default"),
                involved_object=ObjectReference(api_version="v1", kind="Node", name=self._node_name),
                reason=reason,
                message=message,
                type=type_,
                source=EventSource(component=DRIVER_NAME, host=self._node_name),
                first_timestamp=now,
                last_timestamp=now,
            )
        )

    async def run(self) -> None:
        """Post one after the other, until cancelled."""
        while True:
            event = await self._untold.get()
            try:
                node = await self._kube.get_node(self._node_name)
                about = replace(event.involved_object, uid=node.metadata.uid)
                await self._kube.create_event(replace(event, involved_object=about))
            except KubeError as error:
                _log.warning("no Event %s on the node: %s", event.reason, error)
