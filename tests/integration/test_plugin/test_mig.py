"""GPUs in MIG mode: offered as their MIG devices, each shareable like a GPU."""

from contextlib import aclosing
from pathlib import Path

import pytest
from msgspec import structs

from hami_dra.kube import Device, DeviceAttribute, DeviceRequestAllocationResult
from hami_dra.kubeletplugin import ClaimError, HealthStatus
from hami_dra.shares import Limits
from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus, write_cdi_spec
from tests.integration.test_plugin.container import Container, device_ids
from tests.integration.test_plugin.memory import LIMITING, OLDER, condition, wants
from tests.integration.test_plugin.node import DRIVER, GIB, Node, share, until
from tests.integration.test_plugin.runtime import RuntimeContainer, hooks
from tests.integration.test_plugin.test_health import LOST, about, reported, tainted, told, told_on_claims
from tests.integration.test_plugin.test_status import devices as status_devices

LARGE, SMALL, WHOLE = "hami-gpu-0-mig-3g8gb-1-0", "hami-gpu-0-mig-1g2gb-7-0", "hami-gpu-1"


@pytest.fixture
def driver() -> SimulatedDriver:
    return OLDER


@pytest.fixture
def machine(tmp_path: Path, driver: SimulatedDriver) -> Machine:
    """A GPU that is divided in two, and one that is whole."""
    divided = simulated_gpus(1, memory_bytes=16 * GIB, seed="divided", mig=["3g.8gb", "1g.2gb"])
    whole = simulated_gpus(1, memory_bytes=16 * GIB)
    return create_machine(tmp_path / "machine", divided + whole, driver)


def mig_share(request: str, device: str, *, cores: int = 30, memory: int = GIB) -> DeviceRequestAllocationResult:
    return structs.replace(share(request, 0, cores=cores, memory=memory), device=device)


def divide(node: Node, *profiles: str) -> None:
    """Divide the first GPU anew, as an administrator does; NVIDIA's service then writes the CDI spec anew."""
    node.machine.divide(node.machine.gpus[0].uuid, *profiles)
    write_cdi_spec(node.machine, node.cdi_dir)


def uuid_of(node: Node, profile: str) -> str:
    return next(each.uuid for each in node.machine.usage()[0].mig or () if each.profile == profile)


async def offered(node: Node) -> dict[str, Device]:
    return {device.name: device for device in await node.offered()}


async def test_mig_devices_are_offered_in_place_of_their_gpu(node: Node) -> None:
    await node.published(LARGE, SMALL, WHOLE)
    device = (await offered(node))[SMALL]
    assert device.allow_multiple_allocations
    assert (device.capacity["cores"].value, device.capacity["memory"].value) == (100, 2 * GIB)
    expected = {
        "type": "hami-mig",
        "uuid": uuid_of(node, "1g.2gb"),
        "parentUUID": node.machine.gpus[0].uuid,
        "profile": "1g.2gb",
        "productName": "NVIDIA A100-SXM4-40GB",
        "architecture": "Ampere",
        "pcieBusID": "0000:01:00.0",
        "memoryEnforcement": "library",
    }
    assert {name: device.attributes[name].string for name in expected} == expected
    assert device.attributes["minor"] == DeviceAttribute(int_=0)


async def test_two_claims_share_a_mig_device_and_one_has_another_whole(node: Node) -> None:
    one = await node.claim("one", mig_share("gpu", LARGE, cores=30, memory=3 * GIB))
    two = await node.claim("two", mig_share("gpu", LARGE, cores=70, memory=5 * GIB))
    three = await node.claim("three", mig_share("gpu", SMALL, cores=100, memory=2 * GIB))
    large, small = uuid_of(node, "3g.8gb"), uuid_of(node, "1g.2gb")
    for claim, uuid, memory in ((one, large, 3), (two, large, 5), (three, small, 2)):
        async with Container(node, *await device_ids(node, claim)) as container:
            assert container.seen() == {uuid}
            assert container.granted(uuid) == container.total(uuid) == memory * GIB
    (limits,) = (path for path in node.files(two) if path.name == "limits")
    assert Limits.parse(limits.read_bytes()) == Limits(large, 5 * GIB, 70, "hard")
    (device,) = node.spec(three)["devices"]
    assert "libvgpu.so" not in str(device)
    nodes = [each["path"] for each in device["containerEdits"]["deviceNodes"]]
    assert nodes == ["/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap66", "/dev/nvidia-caps/nvidia-cap67"]


async def test_status_and_metrics_name_the_mig_device(node: Node) -> None:
    claim = await node.claim("single", mig_share("gpu", SMALL))
    await node.prepared(claim)
    await until(lambda: status_devices(node, claim) != [], "status of the claim")
    (device,) = status_devices(node, claim)
    small = uuid_of(node, "1g.2gb")
    assert (device["device"], device["data"]["gpuUUID"]) == (SMALL, small)
    async with Container(node, *await device_ids(node, claim)):
        metrics = await node.get("/metrics")
    (used,) = (line for line in metrics.splitlines() if line.startswith("hami_dra_share_memory_used_bytes{"))
    assert f'gpu_uuid="{small}"' in used
    assert float(used.split()[-1]) == GIB


async def test_another_layout_is_offered_without_a_restart(node: Node) -> None:
    await node.published(LARGE, SMALL, WHOLE)
    staying, losing = await node.claim("staying", mig_share("gpu", SMALL)), await node.claim("l", mig_share("g", LARGE))
    answer = await node.prepared(staying)
    await node.prepared(losing)
    divide(node, "4g.8gb", "1g.2gb", "1g.2gb")
    await node.published("hami-gpu-0-mig-4g8gb-1-0", SMALL, "hami-gpu-0-mig-1g2gb-8-0", WHOLE)
    assert await node.prepared(staying) == answer
    (refusal,) = await node.prepare(losing)
    assert isinstance(refusal, ClaimError)
    assert f"no device {LARGE} on this node now" in str(refusal)
    node.machine.unite(node.machine.gpus[0].uuid)
    write_cdi_spec(node.machine, node.cdi_dir)
    await node.published("hami-gpu-0", WHOLE)
    divide(node)
    await node.published(WHOLE)
    assert f"GPU {node.machine.gpus[0].uuid} is in MIG mode and has no MIG devices" in node.log.read_text()
    assert "Traceback" not in node.log.read_text()


async def test_an_ill_gpu_taints_its_mig_devices(node: Node) -> None:
    gpu = node.machine.gpus[0].uuid
    claim = await node.claim("single", mig_share("gpu", SMALL))
    await node.prepared(claim)
    await tainted(node, [], [], [])
    node.machine.fault(gpu, "lost=1")
    await tainted(node, LOST, LOST, [])
    async with aclosing(node.kubelet.health(DRIVER)) as reports:
        await reported(reports, HealthStatus.UNHEALTHY, HealthStatus.UNHEALTHY, HealthStatus.HEALTHY)
    metrics = await node.get("/metrics")
    assert f'hami_dra_gpu_healthy{{device="{LARGE}",gpu_uuid="{uuid_of(node, "3g.8gb")}"}} 0.0' in metrics
    of_claim = f"GPU {uuid_of(node, '1g.2gb')}: the GPU is lost"
    await until(lambda: any(of_claim in event["message"] for event in node.events()), "an Event on the claim")
    node.machine.fault(gpu, "lost=0")
    await tainted(node, [], [], [])


async def test_claims_of_mig_devices_are_told_of_a_gpu_that_was_lost_before_the_start(node: Node) -> None:
    claim = await node.claim("single", mig_share("gpu", SMALL))
    await node.prepared(claim)
    await node.kill()
    await node.start()
    await tainted(node, [], [], [])
    other = await node.claim("other", share("gpu", 1))
    await node.prepared(other)
    await until(lambda: status_devices(node, other) != [], "status of a claim that was prepared later")
    assert node.events() == []
    await node.kill()
    node.machine.fault(node.machine.gpus[0].uuid, "lost=1")
    await node.start()
    await told_on_claims(node, "GpuUnusable", 1)
    assert about(node, "GpuUnusable")[0][:2] == ("ResourceClaim", "single")
    lost = f"GPU {uuid_of(node, '1g.2gb')}"
    await until(lambda: [each.split(":")[0] for each in told(node, "GpuUnusable")] == [lost], "an Event on the node")
    node.machine.fault(node.machine.gpus[0].uuid, "lost=0")
    await told_on_claims(node, "GpuHealthy", 1)
    back = f"{lost} is well again: new claims may be given it"
    await until(lambda: told(node, "GpuHealthy") == [back], "an Event on the node when it is back")
    await node.published(LARGE, SMALL, WHOLE)


@pytest.mark.parametrize("driver", [LIMITING], ids=["limiting"])
async def test_driver_that_limits_gpus_limits_no_mig_device_and_what_gets_past_the_library_is_reported(
    node: Node, tree: Path
) -> None:
    claim = await node.claim("single", mig_share("gpu", LARGE))
    await node.prepared(claim)
    (hook,) = hooks(node, claim)
    assert hook.arguments[-2:] == ["--enforce", "library"]
    async with RuntimeContainer(node, tree, claim) as container:
        assert await container.take(0, 3 * GIB) == "granted"  # of the first MIG device, which is this one
        await until(lambda: condition(node, claim) == ("False", "Overused"), "a word on the overuse")
    demanding = await node.claim("demanding", mig_share("gpu", LARGE), config=(wants("driver"),))
    (refusal,) = await node.prepare(demanding)
    assert isinstance(refusal, ClaimError)
    assert "the driver has memory limits for GPUs only, not for MIG devices" in str(refusal)
