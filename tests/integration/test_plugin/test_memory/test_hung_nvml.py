"""A GPU on which no call of NVML returns holds up none of the kubelet's calls, and no end of the plugin."""

from contextlib import aclosing

from hami_dra.kubeletplugin import ClaimError, ClaimRef, HealthStatus
from tests.integration.test_plugin.memory import seen
from tests.integration.test_plugin.node import DRIVER, GIB, Node, share, until
from tests.integration.test_plugin.runtime import RuntimeContainer
from tests.integration.test_plugin.test_health import LOST, Taints, reported, tainted, told_on_claims
from tests.processes import is_asleep, pids_of


async def test_gpu_that_hangs_holds_up_no_call_and_no_end(node: Node, container: RuntimeContainer) -> None:
    await node.published("hami-gpu-0", "hami-gpu-1")
    await seen(node, container)
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    await until(lambda: any(map(is_asleep, pids_of("hami_dra.nvml.memory", str(node.machine.root)))), "a call to hang")
    claim = await node.claim("another", share("gpu", 0, memory=GIB))
    await node.prepared(claim)
    await node.unprepare(claim)
    assert node.files(claim) == []
    async with aclosing(node.kubelet.health(DRIVER)) as reports:
        assert len(await anext(reports)) == 2
    assert "hami_dra_share_memory_granted_bytes" in await node.get("/metrics")
    assert await node.stop() == 0


async def test_gpu_that_hangs_is_tainted_while_the_others_are_watched(node: Node) -> None:
    hung: Taints = [(f"{DRIVER}/unusable", "NoSchedule", "hung")]
    claim = await node.claim("ill", share("gpu", 0))
    await node.prepared(claim)
    await tainted(node, [], [])
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    await tainted(node, hung, [])
    await told_on_claims(node, "GpuUnusable", 1)
    node.machine.fault(node.machine.gpus[1].uuid, "lost=1")
    await tainted(node, hung, LOST)
    node.machine.fault(node.machine.gpus[0].uuid, "hung=0")
    await tainted(node, [], LOST)
    await told_on_claims(node, "GpuHealthy", 1)


async def test_programs_that_a_gpu_holds_up_end_with_a_plugin_that_is_killed(
    node: Node, container: RuntimeContainer
) -> None:
    def asking() -> list[int]:
        return [
            pid for name in ("health", "memory") for pid in pids_of(f"hami_dra.nvml.{name}", str(node.machine.root))
        ]

    await seen(node, container)
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    await until(lambda: len(asking()) == 2 and all(map(is_asleep, asking())), "calls to hang")
    await node.kill()
    await until(lambda: asking() == [], "their end")


async def test_plugin_that_starts_while_a_gpu_hangs_serves_what_needs_no_gpu(node: Node, claim: ClaimRef) -> None:
    await node.published("hami-gpu-0", "hami-gpu-1")
    await node.kill()
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    await node.start()
    await node.unprepare(claim)
    assert node.files(claim) == []
    (answer,) = await node.prepare(claim)
    assert isinstance(answer, ClaimError)
    assert "NVML has not answered since this node's plugin started" in str(answer)
    assert [device.name for device in await node.offered()] == ["hami-gpu-0", "hami-gpu-1"]
    async with aclosing(node.kubelet.health(DRIVER)) as reports:
        assert await anext(reports) == []
        node.machine.fault(node.machine.gpus[0].uuid, "hung=0")
        await reported(reports, HealthStatus.HEALTHY, HealthStatus.HEALTHY)
    await node.prepared(claim)
    await node.published("hami-gpu-0", "hami-gpu-1")
