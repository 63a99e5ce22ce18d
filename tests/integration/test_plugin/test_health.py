"""GPUs that fall ill and recover, as the scheduler, the kubelet, an administrator and Prometheus see it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from hami_dra.kubeletplugin import ClaimRef, DeviceHealth, HealthStatus
from hami_dra.local.apiserver.kinds import RESOURCE_CLAIM
from hami_dra.local.apiserver.permission import Permission
from tests.integration.test_plugin.node import DRIVER, Node, share, until

Taints = list[tuple[str, str, str]]
LOST: Taints = [(f"{DRIVER}/unusable", "NoSchedule", "lost")]
PENDING: Taints = [(f"{DRIVER}/notice", "None", "row-remap-pending")]
_DEADLINE = 30


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
    """What Events on the node say."""
    return [
        event["message"]
        for event in node.events()
        if event["reason"] == reason and event["involvedObject"]["kind"] == "Node"
    ]


async def test_gpu_that_is_lost_is_tainted_and_told_of_until_it_is_back(node: Node) -> None:
    gpu = node.machine.gpus[1].uuid
    well, ill = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
    await tainted(node, [], [])
    async with aclosing(node.kubelet.health(DRIVER)) as reports:
        await reported(reports, well, well)
        node.machine.fault(gpu, "xid=79", "lost=1")
        await tainted(node, [], LOST)
        _, lost = await reported(reports, well, ill)
        assert lost.message.startswith("the GPU is lost: the driver cannot reach it; ")
        assert lost.message.count("no new claims are given this GPU. Drain the node and restart it") == 1
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


async def test_fault_is_told_on_the_node_once_whatever_process_sees_it_and_again_when_it_comes_back(node: Node) -> None:
    one, two = (gpu.uuid for gpu in node.machine.gpus)
    node.machine.fault(one, "remap-failed=1", "remap-pending=1")
    await until(lambda: (len(told(node, "GpuUnusable")), len(told(node, "GpuNotice"))) == (1, 1), "Events on the node")
    await node.kill()
    await node.start()
    node.machine.fault(two, "lost=1")  # told after what the plugin found at its start
    await until(lambda: f"GPU {two}" in told(node, "GpuUnusable")[-1], "an Event on the other GPU")
    assert (len(told(node, "GpuUnusable")), len(told(node, "GpuNotice"))) == (2, 1)
    node.machine.fault(one, "remap-failed=0")
    await tainted(node, PENDING, LOST)
    node.machine.fault(one, "remap-failed=1")
    await until(lambda: len(told(node, "GpuUnusable")) == 3, "an Event on the fault that is back")


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


async def test_claims_on_a_gpu_and_their_pods_are_told_when_it_falls_ill_and_when_it_is_well(node: Node) -> None:
    claim = await node.claim("ill", share("a", 1), share("b", 1), share("c", 0))
    reserve(node, claim, "user")
    well = await node.claim("well", share("gpu", 0))
    for each in (claim, well):
        await node.prepared(each)
    gpu = node.machine.gpus[1].uuid
    node.machine.fault(gpu, "remap-failed=1")
    await told_on_claims(node, "GpuUnusable", 2)
    message = (
        f"claim ill: GPU {gpu}: a damaged row of memory could not be replaced; "
        "delete the pods that use the claim, then they are given another GPU"
    )
    assert about(node, "GpuUnusable") == [("Pod", "user", message), ("ResourceClaim", "ill", message)]
    await ready_is(node, claim, "GpuUnusable", "GpuUnusable", "Prepared")
    await node.kill()
    await node.start()
    await tainted(node, [], [(f"{DRIVER}/unusable", "NoSchedule", "row-remap-failed")])
    node.machine.fault(gpu, "lost=1")
    await told_on_claims(node, "GpuUnusable", 4)
    node.machine.fault(gpu, "lost=0", "remap-failed=0")
    await told_on_claims(node, "GpuHealthy", 2)
    assert {(kind, name) for kind, name, _ in about(node, "GpuHealthy")} == {("Pod", "user"), ("ResourceClaim", "ill")}
    assert len(about(node, "GpuUnusable")) == 4
    await ready_is(node, claim, "Prepared", "Prepared", "Prepared")


async def test_the_same_fault_is_told_again_when_it_comes_back_whatever_process_told_it_first(node: Node) -> None:
    claim = await node.claim("ill", share("gpu", 1))
    reserve(node, claim, "user")
    await node.prepared(claim)
    gpu = node.machine.gpus[1].uuid
    for times in (1, 2, 3):
        node.machine.fault(gpu, "lost=1")
        await told_on_claims(node, "GpuUnusable", 2 * times)
        node.machine.fault(gpu, "lost=0")
        await told_on_claims(node, "GpuHealthy", 2 * times)
        await ready_is(node, claim, "Prepared")
        if times == 2:
            await node.kill()
            await node.start()
    assert len(set(about(node, "GpuUnusable"))) == 2


async def test_next_process_does_not_tell_of_a_fault_again_and_leaves_the_status_alone(node: Node) -> None:
    claim = await node.claim("ill", share("gpu", 1))
    await node.prepared(claim)
    gpu = node.machine.gpus[1].uuid
    for fault in ("remap-failed=1", "remap-failed=0", "remap-failed=1"):
        node.machine.fault(gpu, fault)
        await ready_is(node, claim, "GpuUnusable" if fault.endswith("1") else "Prepared")
    await told_on_claims(node, "GpuUnusable", 2)
    before = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)
    await node.kill()
    await node.start()
    await node.prepared(claim)
    await tainted(node, [], [(f"{DRIVER}/unusable", "NoSchedule", "row-remap-failed")])
    other = await node.claim("other", share("gpu", 0))
    await node.prepared(other)
    await ready_is(node, other, "Prepared")
    assert node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name) == before
    node.machine.fault(gpu, "remap-failed=0")
    await told_on_claims(node, "GpuHealthy", 2)
    assert len(about(node, "GpuUnusable")) == 2


async def test_recovery_that_nobody_saw_is_told_at_the_next_start(node: Node) -> None:
    claim = await node.claim("ill", share("gpu", 1))
    await node.prepared(claim)
    gpu = node.machine.gpus[1].uuid
    node.machine.fault(gpu, "lost=1")
    await ready_is(node, claim, "GpuUnusable")
    await node.kill()
    node.machine.fault(gpu, "lost=0")
    await node.start()
    await told_on_claims(node, "GpuHealthy", 1)
    await ready_is(node, claim, "Prepared")


async def test_claims_on_a_gpu_that_was_lost_before_the_start_are_told(node: Node) -> None:
    claim = await node.claim("ill", share("gpu", 1))
    await node.prepared(claim)
    await ready_is(node, claim, "Prepared")
    gpu = node.machine.gpus[1].uuid
    await node.kill()
    node.machine.fault(gpu, "lost=1")
    await node.start()
    await told_on_claims(node, "GpuUnusable", 1)
    assert f"GPU {gpu}: the GPU is lost" in about(node, "GpuUnusable")[0][2]
    await until(lambda: len(told(node, "GpuUnusable")) == 1, "an Event on the node")
    await ready_is(node, claim, "GpuUnusable")
    await node.published("hami-gpu-0")
    node.machine.fault(gpu, "lost=0")
    await told_on_claims(node, "GpuHealthy", 1)
    await node.published("hami-gpu-0", "hami-gpu-1")


async def test_claim_that_is_prepared_on_an_ill_gpu_is_told(node: Node) -> None:
    node.machine.fault(node.machine.gpus[1].uuid, "lost=1")
    await tainted(node, [], LOST)
    await node.prepared(await node.claim("tolerant", share("gpu", 1)))
    await told_on_claims(node, "GpuUnusable", 1)


async def test_claims_are_told_when_the_api_server_answers_again(node: Node) -> None:
    claim = await node.claim("ill", share("gpu", 1))
    await node.prepared(claim)
    node.api.refused = {Permission("get", "resource.k8s.io", "resourceclaims")}
    node.machine.fault(node.machine.gpus[1].uuid, "lost=1")
    await until(lambda: "claims are told later how their GPUs are" in node.log.read_text(), "a warning")
    node.api.refused = set()
    await told_on_claims(node, "GpuUnusable", 1)


def about(node: Node, reason: str) -> list[tuple[str, str, str]]:
    """The Events of a reason on claims and pods: what they are about, and what they say."""
    events = [event for event in node.events() if event["reason"] == reason]
    subjects = [
        (event["involvedObject"]["kind"], event["involvedObject"]["name"], event["message"]) for event in events
    ]
    return sorted(subject for subject in subjects if subject[0] != "Node")


def reserve(node: Node, claim: ClaimRef, pod: str) -> None:
    """Have the scheduler reserve a claim for a pod."""
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)
    found["status"]["reservedFor"] = [{"resource": "pods", "name": pod, "uid": "7c0ffee0-0000-4000-8000-000000000001"}]
    node.api.store.replace(RESOURCE_CLAIM, claim.namespace, claim.name, found)


def readiness(node: Node, claim: ClaimRef) -> list[str]:
    """Why each share of a claim is ready or not."""
    devices = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)["status"].get("devices", [])
    return sorted(each["reason"] for device in devices for each in device["conditions"] if each["type"] == "Ready")


async def told_on_claims(node: Node, reason: str, times: int) -> None:
    """Wait until there are so many Events of a reason on claims and pods."""
    await until(lambda: len(about(node, reason)) == times, f"{times} Events {reason}")


async def ready_is(node: Node, claim: ClaimRef, *reasons: str) -> None:
    """Wait until a claim's status gives these reasons for why its shares are ready or not."""
    await until(lambda: readiness(node, claim) == list(reasons), f"the claim's status: {reasons}")
