"""The shapes that claims and the pods that use them can have, each as far as a process in a container."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import structs

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration, Quantity
from hami_dra.kubeletplugin import ClaimError
from hami_dra.shares import Limits, read_use
from tests.integration.test_plugin.container import Container, device_ids
from tests.integration.test_plugin.node import DRIVER, GIB, Node, share, whole


def config(source: Literal["FromClass", "FromClaim"], *requests: str, **said: object) -> DeviceAllocationConfiguration:
    parameters = {"apiVersion": "hami.project-hami.io/v1alpha1", "kind": "ShareConfig", **said}
    opaque = OpaqueDeviceConfiguration(driver=DRIVER, parameters=parameters)
    return DeviceAllocationConfiguration(source=source, requests=requests, opaque=opaque)


def targets(device: dict[str, Any]) -> list[str]:
    return [mount["containerPath"] for mount in device["containerEdits"].get("mounts", ())]


def metadata_path(request: str) -> str:
    return f"/var/run/kubernetes.io/dra-device-attributes/{request}/{DRIVER}-metadata.json"


async def test_alternative_is_known_to_containers_by_its_request(node: Node) -> None:
    claim = await node.claim("either", share("main/small", 0), config=(config("FromClaim", "main", logLevel=3),))
    (device,) = await node.prepared(claim)
    assert device.requests == ("main",)
    assert "LIBCUDA_LOG_LEVEL=3" in node.spec(claim)["devices"][0]["containerEdits"]["env"]


async def test_all_gpus_for_one_request(node: Node) -> None:
    claim = await node.claim("all", share("gpus", 0), share("gpus", 1))
    devices = await node.prepared(claim)
    assert [(device.requests, device.device) for device in devices] == [
        (("gpus",), "hami-gpu-0"),
        (("gpus",), "hami-gpu-1"),
    ]
    async with Container(node, *(device.cdi_device_ids[0] for device in devices)) as container:
        assert (container.granted(0), container.granted(1)) == (4 * GIB, 4 * GIB)


async def test_whole_gpu_is_the_drivers_own(node: Node) -> None:
    claim = await node.claim("whole", whole("gpu", 1))
    (device,) = await node.prepared(claim)
    (in_spec,) = node.spec(claim)["devices"]
    assert targets(in_spec) == [metadata_path("resourceclaims/whole/gpu")]
    assert "/etc/ld.so.preload" not in targets(node.spec(claim))
    assert {path.name for path in (node.shares_dir / in_spec["name"]).iterdir()} == {
        "device-metadata.json",
        "share.json",
    }
    async with Container(node, *device.cdi_device_ids) as container:
        assert container.granted(1) == 16 * GIB
    answer = await node.get("/metrics")
    assert "hami_dra_share_memory_granted_bytes{" in answer
    assert "hami_dra_share_memory_used_bytes{" not in answer
    await node.unprepare(claim)
    assert node.files(claim) == []


async def test_monitor_sees_what_every_share_uses_and_has_no_limits(node: Node) -> None:
    busy = await node.claim("busy", share("gpu", 0))
    monitor = await node.claim("monitor", *(structs.replace(whole("gpus", gpu), admin_access=True) for gpu in (0, 1)))
    async with Container(node, *await device_ids(node, busy)):
        devices = await device_ids(node, monitor)
        for device in node.spec(monitor)["devices"]:
            mount, _ = device["containerEdits"]["mounts"]
            assert (mount["containerPath"], mount["options"][0]) == ("/run/hami-dra/node/shares", "ro")
        (folder,) = Path(mount["hostPath"]).glob(f"{busy.uid}-*")
        assert sum(process.used for process in read_use(folder / "region")) == 4 * GIB
        async with Container(node, *devices) as container:
            assert container.total(0) == 16 * GIB
            assert (container.granted(0), container.granted(1)) == (12 * GIB, 16 * GIB)
    assert 'claim="monitor"' not in await node.get("/metrics")


async def test_parameters_of_class_and_claim_reach_the_library(node: Node) -> None:
    levels: Sequence[DeviceAllocationConfiguration] = (
        config("FromClass", logLevel=3),
        config("FromClaim", "quiet", logLevel=0),
    )
    claim = await node.claim("both", share("loud", 0), share("quiet", 1), config=tuple(levels))
    loud, quiet = await device_ids(node, claim)
    for device, speaks in ((loud, True), (quiet, False)):
        async with Container(node, device) as container:
            pass
        assert bool(container.errors) is speaks


async def test_parameters_of_cores_stand_in_the_limits_of_their_share(node: Node) -> None:
    said = config("FromClaim", "idle-too", computePolicy="work-conserving", priority="high")
    claim = await node.claim("both", share("plain", 0), share("idle-too", 1), config=(said,))
    await node.prepared(claim)
    limits = [Limits.parse(path.read_bytes()) for path in node.files(claim) if path.name == "limits"]
    assert {(each.gpu_uuid, each.policy, each.priority) for each in limits} == {
        (node.gpu_uuid("hami-gpu-0"), "hard", "low"),
        (node.gpu_uuid("hami-gpu-1"), "work-conserving", "high"),
    }


async def test_parameters_that_are_not_understood_refuse_the_claim(node: Node) -> None:
    claim = await node.claim("typo", share("gpu", 0), config=(config("FromClaim", loglevel=3),))
    (refusal,) = await node.prepare(claim)
    assert isinstance(refusal, ClaimError)
    assert "config[0].opaque.parameters.loglevel" in str(refusal)
    assert node.files(claim) == []


async def test_claim_that_becomes_larger_than_its_gpu_is_refused(node: Node) -> None:
    consumed = {"cores": Quantity(100), "memory": Quantity(17 * GIB)}
    claim = await node.claim("larger", structs.replace(share("gpu", 0), consumed_capacity=consumed))
    (refusal,) = await node.prepare(claim)
    assert isinstance(refusal, ClaimError)
