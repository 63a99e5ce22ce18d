"""The plugin on a node of its own, with claims that were allocated and wait to be prepared."""

import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter_ns

import grpc
import psutil

from hami_dra.kube import (
    CapacityRequirements,
    DeviceClaim,
    DeviceRequest,
    ExactDeviceRequest,
    ObjectMeta,
    Quantity,
    ResourceClaim,
    ResourceClaimSpec,
)
from hami_dra.kubeletplugin._pb import dra_pb2
from hami_dra.kubeletplugin.rpc import DRA_VERSIONS
from hami_dra.local.node import LocalNode
from hami_dra.shares import DRIVER_NAME
from hami_dra.sim import create_machine, simulated_gpus, write_cdi_spec

_GPUS = 8
_MEMORY = "/dev/shm"  # a file system in memory, as /run is, where a node's claims have their files
_AS_IN_THE_IMAGE = "SSL_CERT_FILE=/dev/null"  # that has no certificates of public authorities, which aiohttp would load
_CALL_SECONDS = 45.0
_VERSION = DRA_VERSIONS[0]
_SHARE = CapacityRequirements(requests={"cores": Quantity(10), "memory": Quantity(2**30)})

Claim = dra_pb2.Claim
_Answer = dra_pb2.NodePrepareResourceResponse | dra_pb2.NodeUnprepareResourceResponse


class BenchError(Exception):
    """The plugin did not do what was to be measured; the text says what it answered."""


class Plugin:
    """Calls a running plugin over one connection that stays open, as the kubelet does.

    `start_ns` is how long it took until it was registered and had published, `start_processor_ns` the processor time
    of that, with what the processes that it started took.
    """

    def __init__(self, node: LocalNode, channel: grpc.aio.Channel, start_ns: int) -> None:
        self._node = node
        self._channel = channel
        self.start_ns = start_ns
        self._process = psutil.Process(node.plugin_pid)
        children = self._process.children(recursive=True)
        self.start_processor_ns = sum(_processor_ns(each) for each in (self._process, *children))

    async def allocate(self, number: int) -> Claim:
        """Return a claim to a share of some GPU that the scheduler has granted and nobody has prepared."""
        exactly = ExactDeviceRequest(device_class_name=DRIVER_NAME, capacity=_SHARE)
        claim = await self._node.allocate(
            ResourceClaim(
                metadata=ObjectMeta(name=f"claim-{number}", namespace="bench"),
                spec=ResourceClaimSpec(devices=DeviceClaim(requests=(DeviceRequest(name="gpu", exactly=exactly),))),
            )
        )
        return Claim(namespace="bench", name=claim.metadata.name, uid=claim.metadata.uid)

    async def prepare(self, claims: Sequence[Claim]) -> None:
        """Have claims prepared in one call. Raises BenchError if one of them was refused."""
        request = dra_pb2.NodePrepareResourcesRequest(claims=claims)
        response = await _VERSION.prepare.call(self._channel, request, _CALL_SECONDS)
        _check(response.claims.items())

    async def unprepare(self, claims: Sequence[Claim]) -> None:
        """Undo it in one call. Raises as `prepare` does."""
        request = dra_pb2.NodeUnprepareResourcesRequest(claims=claims)
        response = await _VERSION.unprepare.call(self._channel, request, _CALL_SECONDS)
        _check(response.claims.items())

    def processor_ns(self) -> int:
        """Return the processor time that the plugin has used so far, with its processes that have ended."""
        return _processor_ns(self._process)

    def memory_bytes(self) -> tuple[int, int]:
        """Return what the plugin's process keeps in memory, and what its children do."""
        children = self._process.children(recursive=True)
        return self._process.memory_info().rss, sum(child.memory_info().rss for child in children)


@asynccontextmanager
async def running_plugin() -> AsyncIterator[Plugin]:
    """Start a plugin beside 8 GPUs; it is registered and has published. Raises NodeError."""
    with tempfile.TemporaryDirectory(prefix="bench-plugin-", dir=_MEMORY) as name:
        folder = Path(name)
        machine = create_machine(folder / "driver", simulated_gpus(_GPUS))
        write_cdi_spec(machine, folder / "cdi")
        command = [
            "/usr/bin/env",
            _AS_IN_THE_IMAGE,
            sys.executable,
            "-m",
            "hami_dra.plugin.main",
            f"--driver-root={machine.root}",
            "--metrics-address=127.0.0.1:0",
        ]
        began = perf_counter_ns()
        async with LocalNode(folder, driver=DRIVER_NAME, plugin=command) as node:
            start_ns = perf_counter_ns() - began
            async with grpc.aio.insecure_channel(f"unix:{node.kubelet.endpoint(DRIVER_NAME)}") as channel:
                yield Plugin(node, channel, start_ns)


def _processor_ns(process: psutil.Process) -> int:
    """What a process has taken, with its children that have ended."""
    times = process.cpu_times()
    return int((times.user + times.system + times.children_user + times.children_system) * 1e9)


def _check(answers: Iterable[tuple[str, _Answer]]) -> None:
    for uid, answer in answers:
        if answer.error:
            raise BenchError(f"claim {uid}: {answer.error}")
