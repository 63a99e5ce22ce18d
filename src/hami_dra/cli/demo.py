"""`hami-dra demo`: the way of one claim as a story, on one machine without a cluster and without a GPU.

Everything but GPUs and cluster is the real thing: the plugin is a process of its own that is spoken to over its
sockets, and libvgpu.so is preloaded into a process that takes memory.
"""

import asyncio
import json
import logging
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table

from ..kube import ResourceClaim, decode
from ..local.node import LocalNode
from ..local.runtime import local_environment
from ..shares import DRIVER_NAME
from ..sim import MODELS, Machine, create_machine, simulated_gpus, write_cdi_spec

MIB = 2**20
_WIDTH = 110
"""Columns at least: names are long, and a table that cuts them tells nothing."""

CLAIM = f"""\
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata:
  name: double-gpu-0
  namespace: default
spec:
  devices:
    requests:
    - name: small
      exactly:
        deviceClassName: {DRIVER_NAME}
        capacity:
          requests: {{cores: 30, memory: 4Gi}}
    - name: large
      exactly:
        deviceClassName: {DRIVER_NAME}
        capacity:
          requests: {{cores: 60, memory: 8Gi}}
    constraints:
    - distinctAttribute: {DRIVER_NAME}/uuid
"""


class DemoError(Exception):
    """The story did not come to its end; the text says where."""


async def run_demo() -> None:
    """Tell the story on standard output. Raises DemoError, and what machine, node and runtime raise."""
    # Where Ctrl-C comes while a process is begun or ends, asyncio may miss its exit status, and warns of it.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="hami-dra-demo.") as folder:
        await _Story(Path(folder)).tell()


class _Story:
    """The demo, chapter by chapter; all its files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._out = Console(highlight=False)
        self._out.width = max(self._out.width, _WIDTH)
        self._metrics = f"127.0.0.1:{_free_port()}"

    async def tell(self) -> None:
        machine = self._machine()
        async with LocalNode(self._folder, driver=DRIVER_NAME, plugin=self._plugin(machine)) as node:
            await self._published(node)
            claim = await self._granted(node)
            await self._used(node, claim, machine)
            await self._released(node, claim)

    def _machine(self) -> Machine:
        self._chapter("A machine with two GPUs", "They are simulated: this works on a laptop.")
        gpus = simulated_gpus(2, model=MODELS["Tesla T4"], seed="demo")
        machine = create_machine(self._folder / "driver", gpus)
        write_cdi_spec(machine, self._folder / "cdi")
        for gpu in gpus:
            self._out.print(f"  {gpu.uuid}  {gpu.model.name}, {gpu.memory_bytes // MIB} MiB")
        return machine

    def _plugin(self, machine: Machine) -> list[str]:
        flags = [f"--driver-root={machine.root}", f"--metrics-address={self._metrics}"]
        return [sys.executable, "-m", "hami_dra.plugin.main", *flags]

    async def _published(self, node: LocalNode) -> None:
        self._chapter("The plugin publishes them", "It has registered with the kubelet; the scheduler may share them.")
        table = Table("device", "capacity", "of which a claim may ask", box=None, padding=(0, 2))
        for device in (device for slice_ in await node.slices() for device in slice_.spec.devices):
            for name, capacity in device.capacity.items():
                policy = capacity.request_policy
                steps = policy.valid_range if policy else None
                asked = f"{steps.min} to {steps.max} in steps of {steps.step}" if steps else "all"
                table.add_row(device.name, f"{name} {capacity.value}", asked)
        self._out.print(table)

    async def _granted(self, node: LocalNode) -> ResourceClaim:
        self._chapter("A pod asks for parts of two GPUs", "As with kubectl apply:")
        self._out.print(Syntax(CLAIM, "yaml", theme="ansi_dark", background_color="default"))
        wanted = json.dumps(yaml.safe_load(CLAIM)).encode()
        claim = await node.allocate(decode(ResourceClaim, wanted, "the demo's claim"))
        self._out.print("The scheduler's answer, in the claim's status:")
        table = Table("request", "device", "cores", "memory", "shareID", box=None, padding=(0, 2))
        for share in _allocated(claim):
            granted = share.consumed_capacity
            table.add_row(share.request, share.device, str(granted["cores"]), str(granted["memory"]), share.share_id)
        self._out.print(table)
        return claim

    async def _used(self, node: LocalNode, claim: ResourceClaim, machine: Machine) -> None:
        self._chapter("The kubelet has the claim prepared", "The plugin answers with CDI devices, one per share:")
        devices = await node.prepare(claim)
        names = [name for device in devices for name in device.cdi_device_ids]
        for name in names:
            self._out.print(f"  {name}", soft_wrap=True)
        scratch = self._folder / "shares-of-the-process"
        scratch.mkdir()
        environment = os.environ | local_environment(names, cdi_dir=node.cdi_dir, scratch=scratch)
        environment.pop("CUDA_VISIBLE_DEVICES", None)  # which is about the GPUs of whoever runs this
        self._chapter("A process runs with these devices", "What nvidia-smi shows, and what a CUDA program gets:")
        await self._smi(machine, environment)
        async with _probe(environment) as results:
            for result in results:
                self._tell_probed(result)
            self._chapter("Meanwhile, in Prometheus", f"curl http://{self._metrics}/metrics")
            await self._scrape()

    async def _smi(self, machine: Machine, environment: dict[str, str]) -> None:
        query = "--query-gpu=index,name,memory.total,memory.used"
        process = await asyncio.create_subprocess_exec(
            machine.smi, query, "--format=csv", env=environment, stdout=asyncio.subprocess.PIPE, process_group=0
        )
        shown, _ = await process.communicate()
        for line in shown.decode().splitlines():
            self._out.print(f"  {line}")

    def _tell_probed(self, result: dict[str, Any]) -> None:
        self._out.print(f"\n  {result['gpu']} shows {result['total'] // MIB} MiB, {result['free'] // MIB} MiB free")
        self._out.print(f"    launches kernels for a second: had the GPU for [green]{result['percent']:.0f} %[/] of it")
        self._out.print(f"    takes {result['too_much'] // MIB} MiB: [red]{result['refusal']}[/]")
        self._out.print(f"    takes {result['granted'] // MIB} MiB: [green]granted[/]")

    async def _scrape(self) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self._metrics}/metrics") as answer:
            for line in (await answer.text()).splitlines():
                if line.startswith(_SHOWN_METRICS):
                    self._out.print(f"  {line}", soft_wrap=True)

    async def _released(self, node: LocalNode, claim: ResourceClaim) -> None:
        self._chapter("The pod has gone", "The kubelet has the claim unprepared.")
        await node.release(claim)
        left = [path.name for path in (*node.shares_dir.iterdir(), *node.cdi_dir.glob(f"{DRIVER_NAME}-*"))]
        self._out.print(f"  share folders and CDI files left: {', '.join(left) or 'none'}")

    def _chapter(self, title: str, text: str) -> None:
        self._out.print(f"\n[bold]{title}[/]\n{text}\n")


_SHOWN_METRICS = (
    "hami_dra_share_memory_granted_bytes",
    "hami_dra_share_memory_used_bytes",
    "hami_dra_share_gpu_time_seconds_total",
)


def _allocated(claim: ResourceClaim) -> Iterable[Any]:
    return claim.status.allocation.devices.results if claim.status.allocation else ()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def _probe(environment: dict[str, str]) -> AsyncIterator[list[dict[str, Any]]]:
    """Run the probe; yield what it reports of each GPU. It holds its memory until the context is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hami_dra.local.probe",
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        process_group=0,  # Ctrl-C ends the demo, which ends this, and not both at once
    )
    assert process.stdout
    try:
        if not (report := await process.stdout.readline()):
            raise DemoError("the process could not use its GPUs")
        yield json.loads(report)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
