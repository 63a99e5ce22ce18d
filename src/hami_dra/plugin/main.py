"""`hami-dra-plugin`: the node agent's process."""

import asyncio
import logging
import os
import signal
import sys

from hami_dra.kube import AccessError, KubeClient
from hami_dra.kubeletplugin import ClaimLocks, KubeletPlugin
from hami_dra.shares import DRIVER_NAME, ClaimFiles, ShareFolders, SpecFiles

from .endpoint import serve_endpoint
from .events import ClaimEvents
from .health import GpuHealth
from .metrics import GpuCollector, ShareCollector
from .node import GpuNode, install_files
from .node_events import NodeEvents
from .node_watch import NodeWatch
from .options import Options, parse_options
from .prepare import ClaimPreparer
from .publication import Publication
from .slices import devices
from .status_reports import StatusReports
from .succession import Succession
from .sweep import Sweeper
from .taints import taints_of

_log = logging.getLogger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    options = parse_options(sys.argv[1:], os.environ)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(_run(options))
    except (AccessError, OSError) as error:
        _log.error("cannot start: %s", error)
        return 1
    return 0


async def _run(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    watch = NodeWatch(options, install_files(options))
    files = ClaimFiles(ShareFolders(options.shares_dir), SpecFiles(options.cdi_dir))
    locks = ClaimLocks(options.plugin_dir)
    async with _kube_client(options) as kube:
        reports = StatusReports(kube, options.node_name)
        events = ClaimEvents(kube, options.node_name)
        node_events = NodeEvents(kube, options.node_name)
        health = GpuHealth(options.driver_root, node_events)
        succession = Succession(options.plugin_dir)
        publication = Publication(
            kube,
            options.node_name,
            succession,
            node_events,
            lambda device: any(share.device == device.name for share in files.folders.shares()),
        )

        def offer() -> None:
            taints = {uuid: taints_of(findings) for uuid, findings in health.findings.items()}
            publication.offer(devices(watch.node.gpus.values(), options.tenants, taints))

        def follow(node: GpuNode) -> None:
            health.follow(node)
            offer()

        async def publish() -> None:
            await health.first()
            follow(watch.node)
            await publication.run()

        plugin = KubeletPlugin(
            DRIVER_NAME,
            ClaimPreparer(kube, watch, files, reports, events),
            plugin_dir=options.plugin_dir,
            registry_dir=options.registry_dir,
            pod_uid=options.pod_uid,
            health=lambda: health.reports(lambda: watch.node),
            locks=locks,
        )
        collectors = (
            ShareCollector(files.folders, lambda: watch.node.gpus.values()),
            GpuCollector(lambda: watch.node.gpus.values(), health),
        )
        endpoint = serve_endpoint(collectors, options.metrics_address, is_ready=lambda: plugin.is_registered)
        async with endpoint:
            # Served meanwhile: GPUs that wake, or never answer, take longer than the kubelet waits for a sign of life.
            await watch.look()
            succession.join()
            async with plugin, asyncio.TaskGroup() as tasks:
                _log.info("ready for the kubelet with %d GPUs", len(watch.node.gpus))
                jobs = [
                    tasks.create_task(reports.run()),
                    tasks.create_task(events.run()),
                    tasks.create_task(node_events.run()),
                    tasks.create_task(health.run(offer, watch.arrived)),
                    tasks.create_task(publish()),
                    tasks.create_task(watch.run(follow)),
                    tasks.create_task(Sweeper(kube, files, locks, reports, options.install_dir).run()),
                ]
                await stop.wait()
                for job in jobs:
                    job.cancel()


def _kube_client(options: Options) -> KubeClient:
    if options.api_server:
        return KubeClient.from_url(options.api_server)
    if options.kubeconfig:
        return KubeClient.from_kubeconfig(options.kubeconfig)
    return KubeClient.from_cluster()


if __name__ == "__main__":
    sys.exit(main())
