"""A DRA driver in Python: four lamps per node. A container that is given one finds its name in $LAMP_<n>.

A lamp whose name lies as a file in the folder `broken` of the plugin's folder is reported as unhealthy.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hami_dra.kube import Device, KubeClient, KubeError, SlicePublisher
from hami_dra.kubeletplugin import ClaimError, ClaimRef, DeviceHealth, HealthStatus, KubeletPlugin, PreparedDevice

NAME = "lamp.example.com"
LAMPS = tuple(f"lamp-{number}" for number in range(4))


class LampDriver:
    """Keeps no state: what a claim was given stands in the API server, and what containers need in a file per claim."""

    def __init__(self, kube: KubeClient, options: Namespace) -> None:
        self._kube, self._node = kube, options.node_name
        self._cdi_dir: Path = options.cdi_dir
        self._broken: Path = options.plugin_dir / "broken"

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        """Describe the claim's lamps to the container runtime."""
        try:
            found = await self._kube.get_claim(claim.namespace, claim.name)
        except KubeError as error:
            raise ClaimError(str(error)) from error
        if found.metadata.uid != claim.uid or found.status.allocation is None:
            raise ClaimError("the claim was replaced or is not allocated: wait for the scheduler")
        lamps = [each for each in found.status.allocation.devices.results if each.driver == NAME]
        spec = {"cdiVersion": "0.5.0", "kind": f"{NAME}/lamp", "devices": [_cdi_device(claim, r.device) for r in lamps]}
        self._cdi_dir.mkdir(parents=True, exist_ok=True)
        unfinished = self._cdi_file(claim).with_suffix(".tmp")
        unfinished.write_text(json.dumps(spec))
        unfinished.replace(self._cdi_file(claim))
        return [PreparedDevice((r.request,), r.pool, r.device, (f"{NAME}/lamp={claim.uid}-{r.device}",)) for r in lamps]

    async def unprepare(self, claim: ClaimRef) -> None:
        """Forget the claim's lamps."""
        self._cdi_file(claim).unlink(missing_ok=True)

    async def watch_health(self) -> AsyncGenerator[Sequence[DeviceHealth], None]:
        """Report every lamp every ten seconds; the kubelet believes a report for thirty."""
        while True:
            yield [DeviceHealth(self._node, lamp, self._status(lamp), datetime.now(UTC)) for lamp in LAMPS]
            await asyncio.sleep(10)

    def _status(self, lamp: str) -> HealthStatus:
        return HealthStatus.UNHEALTHY if (self._broken / lamp).exists() else HealthStatus.HEALTHY

    def _cdi_file(self, claim: ClaimRef) -> Path:
        return self._cdi_dir / f"{NAME}-{claim.uid}.json"


def _cdi_device(claim: ClaimRef, lamp: str) -> dict[str, object]:
    variable = lamp.upper().replace("-", "_")
    return {"name": f"{claim.uid}-{lamp}", "containerEdits": {"env": [f"{variable}={lamp}"]}}


async def run(options: Namespace) -> None:
    """Publish the lamps and serve the kubelet until SIGTERM, or Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with KubeClient.from_url(options.api_server) if options.api_server else KubeClient.from_cluster() as kube:
        driver, publisher = LampDriver(kube, options), SlicePublisher(kube, NAME, options.node_name)
        folders = {"plugin_dir": options.plugin_dir, "registry_dir": options.registry_dir}
        async with KubeletPlugin(
            NAME, driver, health=driver.watch_health, pod_uid=os.environ.get("POD_UID"), **folders
        ):
            await publisher.publish([Device(name=lamp) for lamp in LAMPS])
            keeping = asyncio.create_task(publisher.run())
            await stop.wait()
            keeping.cancel()


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--node-name", default=os.environ.get("NODE_NAME"), required="NODE_NAME" not in os.environ)
    parser.add_argument("--api-server", help="URL of one that asks for no credentials (default: the pod's own)")
    parser.add_argument("--cdi-dir", type=Path, default="/var/run/cdi")
    parser.add_argument("--plugin-dir", type=Path, default=f"/var/lib/kubelet/plugins/{NAME}")
    parser.add_argument("--registry-dir", type=Path, default="/var/lib/kubelet/plugins_registry")
    logging.basicConfig(level=logging.INFO)
    try:
        asyncio.run(run(parser.parse_args()))
    except (KubeError, OSError) as error:
        sys.exit(f"cannot start: {error}")
