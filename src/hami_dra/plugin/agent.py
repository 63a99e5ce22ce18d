"""The node agent: joins what finds GPUs, what publishes them, and what serves the kubelet."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from hami_dra.kube import Device, KubeClient
from hami_dra.kubeletplugin import ClaimLocks, KubeletPlugin
from hami_dra.shares import DRIVER_NAME, ClaimFiles, ShareFolders, SpecFiles

from .do_until import do_until
from .endpoint import serve_endpoint
from .events import ClaimEvents
from .eviction import Evictor
from .health import GpuHealth
from .health_news import HealthNews
from .health_reports import health_reports
from .memory_guard import MemoryGuard
from .memory_metrics import MemoryCollector
from .memory_news import MemoryNews
from .metrics import GpuCollector, ShareCollector
from .node import GpuNode, install_files
from .node_events import NodeEvents
from .node_watch import NodeWatch
from .options import Options
from .prepare import ClaimPreparer
from .publication import Publication
from .slices import devices
from .status_reports import StatusReports
from .succession import Succession
from .sweep import Sweeper
from .taints import taints_of

_log = logging.getLogger(__name__)

_FIRST_SECONDS = 10
"""So long the kubelet may wait at a start for NVML's first answer: what is prepared before it is refused."""


class Agent:
    """One instance of the plugin. Making it puts on the host what containers need; raises OSError."""

    def __init__(self, options: Options, kube: KubeClient) -> None:
        self._options = options
        self._files = ClaimFiles(ShareFolders(options.shares_dir), SpecFiles(options.cdi_dir))
        self._watch = NodeWatch(options, install_files(options))
        self._events = ClaimEvents(kube, options.node_name)
        self._node_events = NodeEvents(kube, options.node_name)
        self._health = GpuHealth(options.driver_root, self._node_events)
        self._reports = StatusReports(
            kube, options.node_name, lambda share: self._guard.of(share), self._health.ailment
        )
        evictor = Evictor(kube) if options.on_overuse == "evict" else None
        self._memory_news = MemoryNews(kube, self._files.folders, self._reports, self._events, evictor)
        self._guard = MemoryGuard(options.driver_root, self._files.folders, self._memory_news)
        self._health_news = HealthNews(kube, self._files.folders, self._reports, self._events, self._health.ailment)
        self._succession = Succession(options.plugin_dir)
        self._publication = Publication(kube, options.node_name, self._succession, self._node_events, self._is_in_use)
        locks = ClaimLocks(options.plugin_dir)
        self._sweeper = Sweeper(kube, self._files, locks, self._health_news, options.install_dir)
        self._plugin = KubeletPlugin(
            DRIVER_NAME,
            ClaimPreparer(
                kube,
                self._watch,
                self._files,
                self._reports,
                self._events,
                self._health_news,
                options.memory_enforcement,
            ),
            plugin_dir=options.plugin_dir,
            registry_dir=options.registry_dir,
            pod_uid=options.pod_uid,
            health=lambda: health_reports(self._health, lambda: self._watch.node),
            locks=locks,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises a group of OSError where a folder, socket or address cannot be used."""
        async with self._endpoint(), asyncio.TaskGroup() as tasks:
            # Endpoint and health come first: GPUs that wake, or never answer, take longer than the kubelet waits for a
            # sign of life, and what ails them is known the sooner.
            watching = [
                tasks.create_task(self._health.run(self._offer, self._watch)),
                tasks.create_task(self._watch.run(self._follow)),
            ]
            await do_until(stop, self._first_answer())
            if not stop.is_set():
                await self._serve(stop, tasks)
            for each in watching:
                each.cancel()

    async def _first_answer(self) -> None:
        """Wait until NVML has answered, but not for long."""
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                await self._watch.known.wait()
        except TimeoutError:
            _log.warning("NVML has not answered for %d s: until it does, claims are refused", _FIRST_SECONDS)

    async def _serve(self, stop: asyncio.Event, tasks: asyncio.TaskGroup) -> None:
        self._succession.join()
        async with self._plugin:
            _log.info("ready for the kubelet with %d GPUs", len(self._watch.node.gpus))
            jobs = [tasks.create_task(job) for job in self._jobs()]
            await stop.wait()
            for job in jobs:
                job.cancel()

    def _jobs(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on beside the kubelet's calls, until cancelled."""
        yield self._reports.run()
        yield self._events.run()
        yield self._node_events.run()
        yield self._health_news.run()
        yield self._publish()
        yield self._sweep()
        yield self._guard.run()
        yield self._memory_news.run()

    async def _publish(self) -> None:
        await self._watch.asked.wait()  # what another instance publishes stands until then
        await self._health.first()
        self._follow(self._watch.node)
        await self._publication.run()

    async def _sweep(self) -> None:
        await self._health.first()
        await self._sweeper.run()

    def _follow(self, node: GpuNode) -> None:
        self._health.follow(node, self._gpus_in_use())
        self._guard.follow(node)
        self._offer()

    def _offer(self) -> None:
        self._health_news.look()
        taints = {uuid: taints_of(findings) for uuid, findings in self._health.findings.items()}
        self._publication.offer(devices(self._watch.node.gpus.values(), self._options.tenants, taints))

    def _gpus_in_use(self) -> set[str]:
        try:
            return {share.gpu_uuid for share in self._files.folders.shares()}
        except OSError:
            return set()  # as far as can be told; the sweep says why

    def _is_in_use(self, device: Device) -> bool:
        try:
            return any(share.device == device.name for share in self._files.folders.shares())
        except OSError:
            return True  # perhaps

    def _endpoint(self) -> AbstractAsyncContextManager[None]:
        collectors = (
            ShareCollector(self._files.folders, lambda: self._watch.node.gpus.values(), self._guard.of),
            MemoryCollector(self._files.folders, self._guard),
            GpuCollector(lambda: self._watch.node.gpus.values(), self._health),
        )
        return serve_endpoint(collectors, self._options.metrics_address, is_ready=lambda: self._plugin.is_registered)
