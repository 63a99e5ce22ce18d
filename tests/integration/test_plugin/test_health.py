"""GPUs that fall ill and recover, as the scheduler, the kubelet, an administrator and Prometheus see it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import DeviceHealth, HealthStatus
from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.integration.test_plugin.node import DRIVER, GIB, Node, share, until

Taints = list[tuple[str, str, str]]
LOST: Taints = [(f"{DRIVER}/unusable", "NoSchedule", "lost")]
PENDING: Taints = [(f"{DRIVER}/notice", "None", "row-remap-pending")]
_DEADLINE = 30


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose GPUs the test may break."""
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB))


async def tainted(node: Node, *expected: Taints) -> None:
    """Wait until the published devices have these taints, in their order."""
    async with asyncio.timeout(_DEADLINE):
        while [
            [(taint.key, taint.effect, taint.value) for taint in device.taints] for device in await node.offered()
        ] != list(expected):
            await asyncio.sleep(0.02)


async def reported(reports: AsyncGenerator[list[DeviceHealth], None], *expected: HealthStatus) -> list[DeviceHealth]:
    """Wait until the kubelet is told this of the devices."""
    async with asyncio.timeout(_DEADLINE):
        async for report in reports:
            if [each.status for each in report] == list(expected):
                return report
    raise AssertionError("the stream ended")


def told(node: Node, reason: str) -> list[str]:
    return [event["message"] for event in node.events() if event["reason"] == reason]


async def test_gpu_that_is_lost_is_tainted_and_told_of_until_it_is_back(node: Node) -> None:
    gpu = node.machine.gpus[1].uuid
    well, ill = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
    await tainted(node, [], [])
    async with aclosing(node.kubelet.health(DRIVER)) as reports:
        await reported(reports, well, well)
        node.machine.fault(gpu, "xid=79", "lost=1")
        await tainted(node, [], LOST)
        _, lost = await reported(reports, well, ill)
        assert lost.message.startswith("the GPU is lost: the driver cannot reach it; no new claims")
        assert f'hami_dra_gpu_healthy{{device="hami-gpu-1",gpu_uuid="{gpu}"}} 0.0' in await node.get("/metrics")
        await until(lambda: len(told(node, "GpuUnusable")) == 2, "Events on what happened")
        assert sorted(message.split(";")[0] for message in told(node, "GpuUnusable")) == [
            f"GPU {gpu}: XID 79: the GPU has fallen off the bus",
            f"GPU {gpu}: the GPU is lost: the driver cannot reach it",
        ]
        node.machine.fault(gpu, "lost=0")
        await tainted(node, [], [])
        await reported(reports, well, well)
    await until(lambda: told(node, "GpuHealthy") != [], "an Event on the recovery")
    assert len(told(node, "GpuUnusable")) == 2
    assert f'hami_dra_gpu_healthy{{device="hami-gpu-1",gpu_uuid="{gpu}"}} 1.0' in await node.get("/metrics")


async def test_taint_and_its_time_outlive_the_plugin(node: Node) -> None:
    node.machine.fault(node.machine.gpus[0].uuid, "remap-pending=1", "recovery-action=1")
    taints: Taints = [(f"{DRIVER}/unusable", "NoSchedule", "recovery-action-1"), *PENDING]
    await tainted(node, taints, [])
    version = node.api.store.version
    before = await node.offered()
    await node.kill()
    await node.start()
    await until(lambda: node.log.read_text().count("published 2 GPUs") >= 2, "the second plugin's slices")
    assert await node.offered() == before
    node.machine.fault(node.machine.gpus[0].uuid, "reset=1")
    await tainted(node, [], [])
    assert node.api.store.version > version


async def test_errors_of_programs_change_nothing_and_those_of_hardware_are_told(node: Node) -> None:
    gpu = node.machine.gpus[0].uuid
    await tainted(node, [], [])
    node.machine.fault(gpu, "xid=13", "xid=31", "xid=63", "xid=63")
    await until(lambda: told(node, "GpuNotice") != [], "an Event on XID 63")
    node.machine.fault(gpu, "remap-pending=1")
    await tainted(node, PENDING, [])
    await until(lambda: len(told(node, "GpuNotice")) == 2, "an Event on the row")
    assert told(node, "GpuUnusable") == []


async def test_without_taints_a_gpu_is_withdrawn_when_no_claim_uses_it(idle_node: Node) -> None:
    node = idle_node
    node.api.device_taints = False
    await node.start()
    await node.published("hami-gpu-0", "hami-gpu-1")
    claim = await node.claim("single", share("gpu", 1))
    await node.prepared(claim)
    for gpu in node.machine.gpus:
        node.machine.fault(gpu.uuid, "lost=1")
    await node.published("hami-gpu-1")
    await node.unprepare(claim)
    await node.published()
    node.api.device_taints = True
    await tainted(node, LOST, LOST)
    for gpu in node.machine.gpus:
        node.machine.fault(gpu.uuid, "lost=0")
    await tainted(node, [], [])


async def test_where_taints_cannot_only_tell_something_the_others_are_there_all_the_same(idle_node: Node) -> None:
    node = idle_node
    node.api.notices = False
    await node.start()
    node.machine.fault(node.machine.gpus[0].uuid, "remap-pending=1")
    node.machine.fault(node.machine.gpus[1].uuid, "remap-pending=1", "lost=1")
    await tainted(node, [], LOST)


async def test_gpu_that_is_lost_at_the_start_is_offered_when_it_is_back(idle_node: Node) -> None:
    node = idle_node
    node.machine.fault(node.machine.gpus[1].uuid, "lost=1")
    await node.start()
    await node.published("hami-gpu-0")
    node.machine.fault(node.machine.gpus[1].uuid, "lost=0")
    await node.published("hami-gpu-0", "hami-gpu-1")
