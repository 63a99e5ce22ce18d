"""What the kubelet is told of the health of devices, and when."""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from hami_dra.gpu import Gpu
from hami_dra.kube import KubeClient
from hami_dra.kubeletplugin import HealthStatus
from hami_dra.plugin.health import GpuHealth
from hami_dra.plugin.health_reports import health_reports
from hami_dra.plugin.node_events import NodeEvents
from hami_dra.plugin.node_watch import NodeWatch
from hami_dra.plugin.options import parse_options
from hami_dra.sim import create_machine, simulated_gpus


async def test_change_is_told_at_once_though_nobody_waited_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while the kubelet is still being told something else."""
    monkeypatch.setattr("hami_dra.plugin.health_reports._REPEAT_SECONDS", 1000)
    machine = create_machine(tmp_path / "machine", simulated_gpus(1))
    uuid = machine.gpus[0].uuid
    watch = NodeWatch(parse_options(["--node-name=node-1"], {}), tmp_path)
    node = replace(watch.node, gpus={"hami-gpu-0": Gpu(uuid, 0, 2**34)})
    health = GpuHealth(machine.root, NodeEvents(KubeClient.from_url("http://127.0.0.1"), node.name))
    changes: asyncio.Queue[None] = asyncio.Queue()
    running = asyncio.create_task(health.run(lambda: changes.put_nowait(None), watch))
    try:
        async with asyncio.timeout(20), aclosing(health_reports(health, lambda: node)) as reports:
            await changes.get()
            assert [each.status for each in await anext(reports)] == [HealthStatus.HEALTHY]
            machine.fault(uuid, "lost=1")
            await changes.get()
            assert [each.status for each in await anext(reports)] == [HealthStatus.UNHEALTHY]
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
