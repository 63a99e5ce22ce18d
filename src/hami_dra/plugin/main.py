"""`hami-dra-plugin`: the node agent's process."""

import asyncio
import logging
import os
import signal
import sys

from hami_dra.kube import AccessError, KubeClient

from .agent import Agent
from .options import Options, parse_options

_log = logging.getLogger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    options = parse_options(sys.argv[1:], os.environ)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    status = 0
    try:
        asyncio.run(_run(options))
    except* (AccessError, OSError) as problems:
        for problem in problems.exceptions:
            _log.error("cannot start: %s", problem)
        status = 1
    return status


async def _run(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _kube_client(options) as kube:
        await Agent(options, kube).run(stop)


def _kube_client(options: Options) -> KubeClient:
    if options.api_server:
        return KubeClient.from_url(options.api_server)
    if options.kubeconfig:
        return KubeClient.from_kubeconfig(options.kubeconfig)
    return KubeClient.from_cluster()


if __name__ == "__main__":
    sys.exit(main())
