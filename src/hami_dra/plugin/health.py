"""What is wrong with this node's GPUs at present, and the word about it to people."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

from hami_dra.gpu import Diagnosis, Finding, Gpu, HealthUnknownError, NvmlSilentError, Reading, watch_health
from hami_dra.kubeletplugin import HealthStatus

from .do_until import do_until
from .node import GpuNode
from .node_events import NodeEvents
from .node_watch import NodeWatch
from .nvml_silence import NvmlSilence

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 5
_FIRST_SECONDS = 10
_NOT_ASKED = "NVML has not been asked yet"


class GpuHealth:
    """`findings` is what is wrong with each GPU, by UUID; where NVML does not answer, what was wrong last.

    `unknown` says why NVML does not answer, and is empty while it does; `silence` knows for how long.
    `changes` counts how often either has become another.
    """

    def __init__(self, driver_root: Path, events: NodeEvents) -> None:
        self._driver_root = driver_root
        self._events = events
        self._diagnosis = Diagnosis()
        self._followed: set[tuple[str, str | None]] = set()
        self._held: Collection[str] = ()
        self._whole: dict[str, str] = {}  # the GPU of each MIG device that there was, and of each GPU
        self._noticed: set[tuple[str, str]] = set()
        self._restart = asyncio.Event()
        self._changed = asyncio.Condition()
        self.silence = NvmlSilence(events)
        self.findings: Mapping[str, tuple[Finding, ...]] = {}
        self.unknown = _NOT_ASKED
        self.changes = 0

    async def first(self) -> None:
        """Wait for the first reading, so that no taint is lifted that only is not known yet; but not for long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self.unknown != _NOT_ASKED)

    async def changed_since(self, changes: int) -> None:
        """Wait until there are others than these `changes`."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.changes != changes)

    def follow(self, node: GpuNode, held: Collection[str]) -> None:
        """Ask the NVML of the driver that the node has now, where that or its GPUs are not those followed before.

        `held` are the GPUs and MIG devices, by UUID, that shares on this node are of. What an XID told of the GPUs ends
        with the driver that told it.
        """
        self._held = held
        self._whole |= {gpu.uuid: gpu.whole_uuid for gpu in node.gpus.values()}
        before, self._followed = self._followed, {(gpu.whole_uuid, gpu.driver_version) for gpu in node.gpus.values()}
        if not before or before == self._followed:
            return
        if {version for _, version in before} != {version for _, version in self._followed}:
            self._diagnosis = Diagnosis()
            self._noticed.clear()
        self._restart.set()

    async def run(self, changed: Callable[[], None], watch: NodeWatch) -> None:
        """Watch until cancelled; tell when something has changed, and `watch` what it cannot see."""
        while True:
            self._restart.clear()
            await do_until(self._restart, self._watch(changed, watch))

    async def _watch(self, changed: Callable[[], None], watch: NodeWatch) -> None:
        """Take in readings until NVML fails; then wait a little."""
        reached: set[str] | None = None
        try:
            async with aclosing(watch_health(self._driver_root)) as lines:
                async for readings in lines:
                    self.silence.ended()
                    self._whole |= {uuid: reading.uuid for reading in readings for uuid, _ in reading.parts}
                    news = self._diagnosis.update((*self._unnamed(readings), *readings), time.monotonic())
                    await self._become(self._diagnosis.findings, "", changed)
                    for uuid, finding in news:
                        self._notice(uuid, finding)
                    now = self._reached()
                    for uuid in now - reached if reached is not None else ():
                        watch.arrived(uuid)
                    for reading in readings:
                        if reading.is_there:
                            watch.divided(reading.uuid, reading.parts)
                    reached = now
        except (HealthUnknownError, OSError) as error:
            if not self.unknown:
                _log.warning("the health of GPUs is unknown: %s", error)
            await self._become(self.findings, str(error), changed)
        except NvmlSilentError:
            await self._become(self.findings, self.silence.lasts(), changed)
        await asyncio.sleep(_RETRY_SECONDS)

    def _unnamed(self, readings: Sequence[Reading]) -> list[Reading]:
        """Of GPUs that were lost before they could be watched, as those of shares may be: NVML gives those no name.

        A MIG device stands for its GPU until that is back, and is well with it.
        """
        known = self._diagnosis.findings.keys() | {reading.uuid for reading in readings}
        wanted = {uuid for uuid, _ in self._followed} | {self._whole.get(uuid, uuid) for uuid in self._held}
        lost = [Reading(uuid, is_lost=True) for uuid in wanted - known]
        stand_ins = [uuid for uuid in self._diagnosis.findings if self._whole.get(uuid, uuid) != uuid]
        return lost + [Reading(uuid) for uuid in stand_ins if self.ailment(uuid) == ""]

    def _reached(self) -> set[str]:
        return {uuid for uuid, found in self.findings.items() if all(finding.cause != "lost" for finding in found)}

    async def _become(
        self, findings: Mapping[str, tuple[Finding, ...]], unknown: str, changed: Callable[[], None]
    ) -> None:
        before = self.findings
        if (findings, unknown) == (before, self.unknown):
            return
        self.findings, self.unknown = findings, unknown
        self.changes += 1
        changed()
        async with self._changed:
            self._changed.notify_all()
        for uuid in findings:
            known = {finding.cause for finding in before.get(uuid, ())}
            for finding in findings[uuid]:
                if finding.cause not in known:
                    # Of a GPU that was not read before, an earlier plugin may have told it.
                    self._tell(uuid, finding, is_news=uuid in before)
            if known and not findings[uuid]:
                _log.info("GPU %s is well again", uuid)
                self._events.tell("GpuHealthy", f"GPU {uuid} is well again: new claims may be given it", "Normal")

    def _notice(self, uuid: str, finding: Finding) -> None:
        """Tell of something that passed, once as long as the driver is the same: some XIDs come in thousands."""
        if (uuid, finding.cause) not in self._noticed:
            self._noticed.add((uuid, finding.cause))
            self._tell(uuid, finding)

    def _tell(self, uuid: str, finding: Finding, *, is_news: bool = True) -> None:
        message = f"GPU {uuid}: {finding.what}; {finding.advice}"
        _log.warning("%s", message)
        self._events.tell("GpuNotice" if finding.is_usable else "GpuUnusable", message, is_news=is_news)

    def ailment(self, uuid: str) -> str | None:
        """Why a GPU or MIG device is not usable; empty where it is, None where nothing is known of it."""
        findings = self.findings.get(self._whole.get(uuid, uuid))
        if findings is None:
            return None
        return "; ".join(finding.what for finding in findings if not finding.is_usable)

    def status(self, gpu: Gpu) -> tuple[HealthStatus, str]:
        """How a GPU is, and what to say of it; a MIG device is as its GPU is."""
        findings = self.findings.get(gpu.whole_uuid)
        known = findings or ()
        advice = dict.fromkeys(each.advice for each in known)  # several faults often want the same done
        message = "; ".join([*(each.what for each in known), *advice])
        if findings and not findings[0].is_usable:
            return HealthStatus.UNHEALTHY, message
        if self.unknown or findings is None:
            return HealthStatus.UNKNOWN, self.unknown
        return HealthStatus.HEALTHY, message
