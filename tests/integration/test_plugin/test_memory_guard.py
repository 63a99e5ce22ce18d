"""Memory limits by the driver, and what gets past those that libvgpu.so holds alone, with real cgroups and the hook."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.local.apiserver.kinds import RESOURCE_CLAIM
from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.integration.test_plugin.node import DRIVER, GIB, Node, share, until
from tests.integration.test_plugin.runtime import RuntimeContainer, hooks
from tests.integration.test_plugin.test_permissions import EVICT
from tests.native.sim.cgroups import cgroup

NEW, OLD = "615.71.09", "580.65.06"
OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"
TOO_MUCH = f"cuMemAlloc_v2: {OUT_OF_MEMORY}"


@pytest.fixture
def tree() -> Iterator[Path]:
    """A cgroup in which a kubelet would have those of its pods."""
    with cgroup() as made:
        yield made


@pytest.fixture
def driver_version() -> str:
    return NEW


@pytest.fixture
def machine(tmp_path: Path, tree: Path, driver_version: str) -> Machine:
    gpus = simulated_gpus(2, memory_bytes=16 * GIB)
    return create_machine(tmp_path / "machine", gpus, SimulatedDriver(version=driver_version))


on_older_driver = pytest.mark.parametrize("driver_version", [OLD])


def wants(enforcement: str) -> DeviceAllocationConfiguration:
    parameters = {
        "apiVersion": "hami.project-hami.io/v1alpha1",
        "kind": "ShareConfig",
        "memoryEnforcement": enforcement,
    }
    return DeviceAllocationConfiguration(
        source="FromClaim", opaque=OpaqueDeviceConfiguration(driver=DRIVER, parameters=parameters)
    )


def condition(node: Node, claim: ClaimRef) -> tuple[str, str]:
    """How it stands with the memory of a claim's first share: status and reason of its condition."""
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)["status"]
    for device in found.get("devices", ()):
        for each in device["conditions"]:
            if each["type"] == "MemoryLimited":
                return each["status"], each["reason"]
    return "", ""


def told(node: Node, reason: str) -> list[tuple[str, str]]:
    """What Events of a reason are about, and what they say."""
    return [(each["involvedObject"]["kind"], each["message"]) for each in node.events() if each["reason"] == reason]


async def sample(node: Node, name: str) -> float:
    """The value of a metric's only row."""
    (line,) = (each for each in (await node.get("/metrics")).splitlines() if each.startswith(f"hami_dra_{name}{{"))
    return float(line.split()[-1])


async def seen(node: Node, container: RuntimeContainer, is_seen: bool) -> None:
    """Wait until the guard has seen a container, or that it is no more."""
    async with asyncio.timeout(20):
        while (f'container_id="{container.id}"' in await node.get("/metrics")) != is_seen:
            await asyncio.sleep(0.05)


def noted(node: Node) -> set[str]:
    return {path.name for path in node.shares_dir.glob("*/containers/*")}


async def reserve(node: Node, claim: ClaimRef, container: RuntimeContainer) -> None:
    found = await node.kube.get_claim(claim.namespace, claim.name)
    status = structs.replace(found.status, reserved_for=(container.pod,))
    await node.kube.update_claim_status(structs.replace(found, status=status))


async def test_each_gpu_has_its_own_limit_which_no_program_gets_past(node: Node, tree: Path) -> None:
    claim = await node.claim("two", share("a", 0), share("b", 1, memory=8 * GIB))
    await node.prepared(claim)
    assert [hook.arguments for hook in hooks(node, claim)] == [
        [
            "hami-dra-oci-hook",
            *("--share", str(folder)),
            *("--nvml", str(node.machine.library_dir / "libnvidia-ml.so.1")),
            *("--enforce", "driver"),
        ]
        for folder in sorted(node.shares_dir.iterdir(), key=lambda folder: '"b"' in (folder / "share.json").read_text())
    ]
    async with RuntimeContainer(node, tree, claim) as container:
        for gpu, limit in ((0, 4 * GIB), (1, 8 * GIB)):
            assert await container.take(gpu, limit + 2**20) == TOO_MUCH
            assert await container.take(gpu, limit) == "granted"
            assert await container.take(gpu, 2**20) == TOO_MUCH
    await until(lambda: condition(node, claim) == ("True", "ByDriver"), "the claim's condition")


async def test_shares_of_one_gpu_add_up_also_those_of_other_claims(node: Node, tree: Path) -> None:
    one = await node.claim("one", share("a", 0), share("b", 0, memory=2 * GIB))
    other = await node.claim("other", share("c", 0, memory=GIB))
    for claim in (one, other):
        await node.prepared(claim)
    async with RuntimeContainer(node, tree, one, other) as container:
        assert await container.take(0, 7 * GIB) == "granted"
        assert await container.take(0, 2**20) == TOO_MUCH


async def test_limit_that_a_reset_took_away_is_set_again_and_told_of(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    async with RuntimeContainer(node, tree, claim) as container:
        gpu = node.machine.gpus[0].uuid
        await seen(node, container, True)
        node.machine.fault(gpu, "reset=1")
        await until(lambda: told(node, "MemoryLimitRepaired") != [], "an Event on the repair")
        assert await container.take(0, 4 * GIB + 2**20) == TOO_MUCH
        assert f'hami_dra_memory_limits_repaired_total{{gpu_uuid="{gpu}"}} 1.0' in await node.get("/metrics")


async def test_containers_of_before_are_looked_after_by_the_next_plugin(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    async with RuntimeContainer(node, tree, claim) as container:
        await node.kill()
        node.machine.fault(node.machine.gpus[0].uuid, "reset=1")
        await node.start()
        await until(lambda: [len(gpu.limits) for gpu in node.machine.usage()] == [1, 0], "the limit again")
        assert await container.take(0, 4 * GIB + 2**20) == TOO_MUCH


async def test_restarted_container_is_limited_and_the_note_of_the_first_goes(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    async with RuntimeContainer(node, tree, claim) as first:
        assert noted(node) == {first.id}
    async with RuntimeContainer(node, tree, claim, pod_uid=first.pod.uid) as second:
        assert await second.take(0, 4 * GIB + 2**20) == TOO_MUCH
        await until(lambda: noted(node) == {second.id}, "the note of the container that runs alone")
    await until(lambda: noted(node) == set(), "no note")


async def test_notes_stay_where_the_tree_of_their_cgroups_is_not_seen(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    async with RuntimeContainer(node, tree, claim) as container:
        await seen(node, container, True)
        node.send(signal.SIGSTOP)  # so that it ends while nobody looks
    tree.rmdir()
    node.send(signal.SIGCONT)
    await seen(node, container, False)
    await node.prepared(claim)
    assert noted(node) == {container.id}


async def test_container_whose_limit_cannot_be_had_is_reported(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    async with RuntimeContainer(node, tree, claim) as container:
        await reserve(node, claim, container)
        await node.kill()
        node.machine.fault(node.machine.gpus[0].uuid, "reset=1")
        assert await container.take(0, 6 * GIB) == "granted"  # while nobody looks
        await node.start()
        await until(lambda: condition(node, claim) == ("False", "LimitMissing"), "the claim's condition")
        await until(lambda: len(told(node, "MemoryLimitMissing")) == 2, "Events")
        assert [kind for kind, _ in told(node, "MemoryLimitMissing")] == ["ResourceClaim", "Pod"]
        assert "claim one: the driver does not limit the memory of container" in told(node, "MemoryLimitMissing")[0][1]
        assert await sample(node, "share_containers_without_limit") == 1
    await until(lambda: condition(node, claim) == ("True", "ByDriver"), "the claim's condition after its end")


async def test_what_a_lost_gpu_does_not_tell_is_reported_until_it_is_back(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    gpu = node.machine.gpus[0].uuid
    async with RuntimeContainer(node, tree, claim) as container:
        await seen(node, container, True)
        node.machine.fault(gpu, "lost=1")
        await until(lambda: condition(node, claim) == ("False", "LimitMissing"), "the claim's condition")
        node.machine.fault(gpu, "lost=0")
        await until(lambda: condition(node, claim) == ("True", "ByDriver"), "the claim's condition when it is back")
        assert await container.take(0, 4 * GIB + 2**20) == TOO_MUCH


@on_older_driver
async def test_library_alone_is_got_past_and_that_is_reported(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    await until(lambda: condition(node, claim) == ("True", "ByLibrary"), "the claim's condition")
    async with RuntimeContainer(node, tree, claim) as container:
        await reserve(node, claim, container)
        assert await container.take(0, 6 * GIB) == "granted"
        await until(lambda: condition(node, claim) == ("False", "Overused"), "the claim's condition")
        await until(lambda: len(told(node, "MemoryOverused")) == 2, "Events")
        assert [kind for kind, _ in told(node, "MemoryOverused")] == ["ResourceClaim", "Pod"]
        assert "use 2Gi more of GPU-" in told(node, "MemoryOverused")[0][1]
        for name, value in (
            ("share_memory_overuse_bytes", 2 * GIB),
            ("share_memory_physical_bytes", 6 * GIB),
            ("share_memory_unaccounted_bytes", 6 * GIB),
            ("share_memory_enforced", 0),
        ):
            assert await sample(node, name) == value
    await until(lambda: condition(node, claim) == ("True", "ByLibrary"), "the claim's condition after its end")


@on_older_driver
async def test_pod_that_overuses_is_evicted_where_that_is_wanted(idle_node: Node, tree: Path) -> None:
    node = idle_node
    node.environment |= {"HAMI_DRA_ON_OVERUSE": "evict"}
    await node.start()
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    uid = node.api.pods.add("team", "pod-0")
    async with RuntimeContainer(node, tree, claim, pod_uid=uid) as container:
        await reserve(node, claim, container)
        assert await container.take(0, 6 * GIB) == "granted"
        await until(lambda: node.api.pods.evicted == ["team/pod-0"], "the pod's eviction")
        assert EVICT in node.api.asked
        await until(lambda: len(told(node, "MemoryOverused")) == 4, "Events on overuse and eviction")
    assert "pod pod-0 is evicted" in told(node, "MemoryOverused")[-1][1]


@on_older_driver
async def test_eviction_that_a_disruption_budget_forbids_is_tried_again(idle_node: Node, tree: Path) -> None:
    node = idle_node
    node.environment |= {"HAMI_DRA_ON_OVERUSE": "evict"}
    await node.start()
    claim = await node.claim("one", share("a", 0))
    await node.prepared(claim)
    node.api.pods.disruptions_allowed = False
    uid = node.api.pods.add("team", "pod-0")
    async with RuntimeContainer(node, tree, claim, pod_uid=uid) as container:
        await reserve(node, claim, container)
        assert await container.take(0, 6 * GIB) == "granted"
        await until(lambda: "pod pod-0 is not evicted for now" in node.log.read_text(), "word of the budget")
        node.api.pods.disruptions_allowed = True
        await until(lambda: node.api.pods.evicted == ["team/pod-0"], "the pod's eviction")


@on_older_driver
async def test_driver_that_is_required_and_cannot_be_had_refuses_the_claim(node: Node) -> None:
    claim = await node.claim("one", share("a", 0), config=(wants("driver"),))
    (answer,) = await node.prepare(claim)
    assert isinstance(answer, ClaimError)
    assert "parameters say memoryEnforcement driver: this driver knows no memory limits" in str(answer)
    assert 'attributes["hami-core-gpu.project-hami.io"].memoryEnforcement == "driver"' in str(answer)
    await until(lambda: told(node, "ShareRefused") == [("ResourceClaim", f"claim one: {answer}")], "an Event")
    assert node.files(claim) == []
    await node.published("hami-gpu-0", "hami-gpu-1")
    assert [device.attributes["memoryEnforcement"].string for device in await node.offered()] == ["library"] * 2


async def test_node_and_claim_say_who_holds_limits(idle_node: Node, tree: Path) -> None:
    node = idle_node
    node.environment |= {"HAMI_DRA_MEMORY_ENFORCEMENT": "library"}
    await node.start()
    plain = await node.claim("plain", share("a", 0))
    await node.prepared(plain)
    assert [hook.arguments[-1] for hook in hooks(node, plain)] == ["library"]
    (answer,) = await node.prepare(await node.claim("strict", share("a", 0), config=(wants("driver"),)))
    assert "started with --memory-enforcement=library" in str(answer)
    await node.stop()
    node.environment |= {"HAMI_DRA_MEMORY_ENFORCEMENT": "driver"}
    await node.start()
    await node.prepared(plain)
    assert [hook.arguments[-1] for hook in hooks(node, plain)] == ["driver"]
    (answer,) = await node.prepare(await node.claim("lax", share("a", 0), config=(wants("library"),)))
    assert "this node requires driver" in str(answer)
