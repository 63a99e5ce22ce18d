"""The defects that were found in HAMi's Go driver, by their numbers: none of them may be ours.

1. A prepared claim cannot be prepared again.
2. Two claims in a container, and containers that name one request, get wrong limits.
3. Two requests of a claim on one GPU fail.
4. `cores: 0`, and a missing amount, are more than nothing.
5. Memory offered is no whole number of steps.
6. The second pod of a claim wipes what the first one lives on.
7. GPUs that are not as expected crash the driver or are offered wrongly; nobody sees what is used (test_metrics.py).
8. State of another version is taken for corruption; files leak (also test_sweep.py).
9. The library is overwritten under those who run it, and may come too late.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from uuid import uuid4

from msgspec import structs

from hami_dra.gpu import Gpu
from hami_dra.kube import (
    AllocationResult,
    DeviceAllocationResult,
    ObjectMeta,
    Quantity,
    ResourceClaim,
    ResourceClaimStatus,
)
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.plugin.claims import shares_of
from hami_dra.plugin.node import read_node
from hami_dra.plugin.options import parse_options
from hami_dra.plugin.slices import devices
from hami_dra.sim import create_machine, simulated_gpus, write_cdi_spec
from tests.integration.test_plugin.container import Container, device_ids
from tests.integration.test_plugin.node import GIB, NAME, Node, share, whole


async def test_peer_defect_1_claim_is_prepared_again_after_a_reboot(node: Node) -> None:
    claim = await node.claim("double", share("gpu-0", 0), whole("gpu-1", 1))
    answer, before = await node.prepared(claim), node.files(claim)
    await node.kill()
    node.spec_path(claim).unlink()
    shutil.rmtree(node.state_dir)
    await node.start()
    assert node.files(claim) == []
    assert await node.prepared(claim) == answer
    assert node.files(claim) == before


async def test_peer_defect_2_two_claims_in_one_container_add_up_gpu_by_gpu(node: Node) -> None:
    one = await node.claim("one", share("gpu", 1))
    two = await node.claim("two", share("gpu", 0, memory=GIB), share("more", 1, memory=2 * GIB))
    async with Container(node, *await device_ids(node, one, two)) as container:
        assert (container.granted(0), container.granted(1)) == (GIB, 6 * GIB)


async def test_peer_defect_2_container_that_names_one_request_has_its_limits_alone(node: Node) -> None:
    claim = await node.claim("double", share("small", 0, memory=GIB), share("large", 0, memory=8 * GIB))
    small, large = await device_ids(node, claim)
    async with Container(node, small) as first, Container(node, large) as second:
        assert (first.granted(0), second.granted(0)) == (GIB, 8 * GIB)
    async with Container(node, small, large) as both:
        assert both.granted(0) == 9 * GIB


async def test_peer_defect_3_two_requests_on_one_gpu(node: Node) -> None:
    claim = await node.claim("twice", share("gpu-0", 0), share("gpu-1", 0, cores=60, memory=8 * GIB))
    first, second = await node.prepared(claim)
    assert first.cdi_device_ids != second.cdi_device_ids
    environment = node.spec(claim)["devices"][0]["containerEdits"]["env"]
    assert f"CUDA_DEVICE_MEMORY_LIMIT_0={12 * 1024}m" in environment
    assert len(list(node.shares_dir.iterdir())) == 2


async def test_peer_defect_4_nothing_is_not_everything(node: Node) -> None:
    cores, memory = Quantity(30), Quantity(GIB)
    for number, consumed in enumerate(
        (
            {"cores": Quantity(0), "memory": memory},
            {"cores": cores, "memory": Quantity(0)},
            {"cores": cores},
            {"memory": memory},
            {},
        )
    ):
        result = structs.replace(share("gpu", 0), consumed_capacity=dict(consumed))
        claim = await node.claim(f"nothing-{number}", result)
        (refusal,) = await node.prepare(claim)
        assert isinstance(refusal, ClaimError)
        assert node.files(claim) == []


def test_peer_defect_5_odd_memory_is_offered_in_whole_steps() -> None:
    gpu = Gpu(uuid="GPU-0", minor=0, memory_bytes=16 * GIB + 12345)
    (device,) = devices([gpu])
    policy = device.capacity["memory"].request_policy
    assert policy
    assert policy.valid_range
    assert policy.default == policy.valid_range.max == device.capacity["memory"].value == 16 * GIB
    uid = str(uuid4())
    claim = ResourceClaim(
        metadata=ObjectMeta(name="all", namespace="team", uid=uid),
        status=ResourceClaimStatus(
            allocation=AllocationResult(devices=DeviceAllocationResult(results=(whole("gpu", 0),)))
        ),
    )
    (all_of_it,) = shares_of(claim, ClaimRef("team", "all", uid), NAME, {device.name: gpu})
    assert all_of_it.access == "whole"


async def test_peer_defect_6_claim_shared_by_pods_is_one_share(node: Node) -> None:
    claim = await node.claim("shared", share("gpu", 0))
    async with Container(node, *await device_ids(node, claim)) as first:
        assert first.granted(0) == 4 * GIB
        second_pods = await device_ids(node, claim)
        async with Container(node, *second_pods) as second:
            assert second.granted(0) == 0
    async with Container(node, *second_pods) as third:
        assert third.granted(0) == 4 * GIB


async def test_peer_defect_7_gpu_is_offered_whatever_is_known_of_its_place(node: Node) -> None:
    await node.published("hami-gpu-0", "hami-gpu-1")
    for device in await node.offered():
        assert device.attributes["pcieBusID"].string
        known = Path("/sys/bus/pci/devices", device.attributes["pcieBusID"].string).exists()
        assert ("resource.kubernetes.io/pcieRoot" in device.attributes) == known


async def test_peer_defect_7_gpu_in_mig_mode_is_not_offered_whole(tmp_path: Path) -> None:
    divided = simulated_gpus(1, seed="divided", mig=["1g.5gb"])
    machine = create_machine(tmp_path / "machine", simulated_gpus(1) + divided)
    write_cdi_spec(machine, tmp_path / "cdi")
    flags = {"cdi-dir": tmp_path / "cdi", "driver-root": machine.root, "node-name": "node-1"}
    options = parse_options([f"--{flag}={value}" for flag, value in flags.items()], {})
    found = await read_node(dataclasses.replace(options, nvidia_ctk=None), tmp_path)
    assert list(found.gpus) == ["hami-gpu-0", "hami-gpu-1-mig-1g5gb-7-0"]


async def test_peer_defect_8_files_of_another_version_are_no_corruption(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    answer = await node.prepared(claim)
    (path,) = (path for path in node.files(claim) if path.name == "share.json")
    said = json.loads(path.read_text())
    del said["access"], said["logLevel"], said["computePolicy"], said["priority"]
    path.write_text(json.dumps(said | {"field": "of a later version"}))
    await node.kill()
    await node.start()
    assert 'claim="single"' in await node.get("/metrics")
    assert await node.prepared(claim) == answer
    await node.unprepare(claim)
    assert node.files(claim) == []


async def test_peer_defect_8_refused_claim_leaves_nothing(node: Node) -> None:
    claim = await node.claim("half", share("good", 0), structs.replace(share("bad", 1), consumed_capacity={}))
    (refusal,) = await node.prepare(claim)
    assert isinstance(refusal, ClaimError)
    assert node.files(claim) == []


async def test_peer_defect_9_library_is_there_first_and_never_written_over(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    devices = await device_ids(node, claim)
    mounts = node.spec(claim)["devices"][0]["containerEdits"]["mounts"]
    (library,) = (Path(each["hostPath"]) for each in mounts if each["containerPath"] == "/usr/local/vgpu/libvgpu.so")
    content = library.read_bytes()
    async with Container(node, *devices) as container:
        await node.kill()
        mapped = library.rename(library.with_name("mapped"))
        library.write_bytes(b"")  # as a power loss leaves it
        await node.start()
        assert library.read_bytes() == mapped.read_bytes() == content
        assert not library.samefile(mapped)
    assert container.errors == ""
