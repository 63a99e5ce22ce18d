"""`hami-dra-plugin`: the node agent's process."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from hami_dra.kube import AccessError, Device, KubeClient
from hami_dra.kubeletplugin import ClaimLocks, KubeletPlugin
from hami_dra.shares import DRIVER_NAME, ClaimFiles, ShareFolders, SpecFiles

from .endpoint import serve_endpoint
from .events import ClaimEvents
from .metrics import ShareCollector
from .node import GpuNode, install_files
from .node_watch import NodeWatch
from .options import Options, parse_options
from .prepare import ClaimPreparer
from .publication import Publication
from .slices import devices
from .status_reports import StatusReports
from .succession import Succession
from .sweep import Sweeper

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
    collector = ShareCollector(files.folders, lambda: watch.node.gpus.values())

    def offered(node: GpuNode) -> Sequence[Device]:
        return devices(node.gpus.values(), options.tenants)

    async with _kube_client(options) as kube:
        publication = Publication(kube, options.node_name, Succession(options.plugin_dir))
        reports = StatusReports(kube, options.node_name)
        events = ClaimEvents(kube, options.node_name)
        plugin = KubeletPlugin(
            DRIVER_NAME,
            ClaimPreparer(kube, watch, files, reports, events),
            plugin_dir=options.plugin_dir,
            registry_dir=options.registry_dir,
            pod_uid=options.pod_uid,
            locks=locks,
        )
        endpoint = serve_endpoint(collector, options.metrics_address, is_ready=lambda: plugin.is_registered)
        async with endpoint:
            # Served meanwhile: GPUs that wake, or never answer, take longer than the kubelet waits for a sign of life.
            await watch.look()
            publication.offer(offered(watch.node))
            async with plugin, asyncio.TaskGroup() as tasks:
                _log.info("ready for the kubelet with %d GPUs", len(watch.node.gpus))
                jobs = [
                    tasks.create_task(publication.run()),
                    tasks.create_task(watch.run(lambda node: publication.offer(offered(node)))),
                    tasks.create_task(Sweeper(kube, files, locks, reports, options.install_dir).run()),
                    tasks.create_task(reports.run()),
                    tasks.create_task(events.run()),
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
