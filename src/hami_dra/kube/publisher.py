"""Keeps a node's ResourceSlices as the driver wants them."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from msgspec.structs import replace

from .client import KubeClient
from .dropped import dropped_fields
from .errors import Conflict, FieldsDropped, Forbidden, KubeError, NotFound, TaintsDropped
from .meta import ObjectMeta
from .resource import Device, ResourceSlice
from .slices import SliceChanges, plan_slices

_log = logging.getLogger(__name__)

_RESYNC = 30.0
"""Seconds after which we look even if no change was reported, as Kubernetes' own controllers do."""
_TRY_AGAIN = 5.0
"""The same, after something went wrong."""
_PAUSE = 0.2
"""Seconds between two looks, so that a burst of changes is one look and a quarrel with another writer is slow."""
_RETRY = 2.0
"""Seconds before an API server that failed is asked again."""
_ATTEMPTS = 5
_TAINTS = "devices.taints"


class SlicePublisher:
    """Makes the ResourceSlices of one driver on one node equal the wanted devices, and keeps them so.

    While `is_superseded`, it leaves them to another publisher of the same driver on the same node. What goes wrong in
    `run` is told to `on_problem`, once as long as it stays the same.
    """

    def __init__(
        self,
        client: KubeClient,
        driver: str,
        node: str,
        *,
        is_superseded: Callable[[], bool] = lambda: False,
        on_problem: Callable[[KubeError], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._driver = driver
        self._node = node
        self._is_superseded = is_superseded
        self._on_problem = on_problem
        self._devices: tuple[Device, ...] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._look = asyncio.Event()

    async def publish(self, devices: Sequence[Device]) -> None:
        """Want these devices from now on, and make it so.

        Raises FieldsDropped when the API server cannot store how they are shared; nothing is published then.
        Raises TaintsDropped when it cannot store their taints; what was published before is still there then.
        Raises other KubeErrors when it cannot be reached or refuses; `run` tries again all the same.
        """
        self._devices = tuple(devices)
        await self._make_it_so()

    async def run(self) -> None:
        """Keep what was published last until cancelled; what goes wrong is logged once and tried again.

        Somebody else deletes slices rightfully: the kubelet does when it starts.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            tasks.create_task(self._keep())

    async def _watch(self) -> None:
        """Have slices looked at now, whenever they change, and after each time that we could not see it."""
        is_told = False
        while True:
            self._look.set()
            try:
                async for _ in self._client.watch_slices(driver=self._driver, node=self._node):
                    self._look.set()
            except Forbidden as error:
                if not is_told:
                    _log.error("changes of ResourceSlices are seen %d s late: %s", _RETRY, error)
                is_told = True
            except KubeError:
                pass  # What cannot be reached cannot be read either, and reading tells why.
            await asyncio.sleep(_RETRY)

    async def _keep(self) -> None:
        problem = ""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TRY_AGAIN if problem else _RESYNC):
                    await self._look.wait()
            self._look.clear()
            try:
                await self._make_it_so()
            except KubeError as error:
                if str(error) != problem:
                    _log.error("ResourceSlices of node %s: %s", self._node, error)
                    self._on_problem(error)
                problem = str(error)
            else:
                problem = ""
            await asyncio.sleep(_PAUSE)

    async def _make_it_so(self) -> None:
        """Look and write; look again when another writer was faster."""
        if self._devices is None or self._is_superseded():
            return
        async with self._one_at_a_time:
            node = await self._client.get_node(self._node)
            for attempt in range(1, _ATTEMPTS + 1):
                existing = await self._client.list_slices(driver=self._driver, node=self._node)
                changes = plan_slices(self._driver, node, self._devices, existing)
                try:
                    await self._write(changes, existing)
                except (Conflict, NotFound):
                    if attempt == _ATTEMPTS:
                        raise
                else:
                    break

    async def _write(self, changes: SliceChanges, existing: Sequence[ResourceSlice]) -> None:
        """Make the changes, in their order; where fields would be lost, offer nothing instead."""
        written = sorted((*changes.create, *changes.update), key=_has_no_taints)
        dropped = await self._dropped(written[0]) if written else ()
        if unshared := tuple(field for field in dropped if not field.startswith(_TAINTS)):
            await self._delete(existing)
            raise FieldsDropped(unshared)
        if dropped:
            raise TaintsDropped
        await self._delete(changes.delete)
        for changed in changes.update:
            await self._client.update_slice(changed)
        for new in changes.create:
            await self._client.create_slice(new)
        if changes:
            counts = len(changes.delete), len(changes.update), len(changes.create)
            _log.info("ResourceSlices of node %s: %d deleted, %d changed, %d created", self._node, *counts)

    async def _dropped(self, wanted: ResourceSlice) -> tuple[str, ...]:
        """Have the API server say what it would store, and return the fields that it would not."""
        trial = replace(wanted, metadata=ObjectMeta(generate_name=f"{self._driver}-{self._node}-"))
        return dropped_fields(trial.spec, (await self._client.create_slice(trial, dry_run=True)).spec)

    async def _delete(self, slices: Sequence[ResourceSlice]) -> None:
        for obsolete in slices:
            with suppress(NotFound):
                await self._client.delete_slice(obsolete.metadata.name)


def _has_no_taints(slice_: ResourceSlice) -> bool:
    return not any(device.taints for device in slice_.spec.devices)
