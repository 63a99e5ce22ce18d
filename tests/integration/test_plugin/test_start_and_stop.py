import asyncio
import subprocess

import pytest

from hami_dra.kubeletplugin import ClaimError
from tests.integration.test_plugin.node import DRIVER, GIB, NAME, Node, share, until


async def test_slice_offers_the_gpus(node: Node) -> None:
    async with asyncio.timeout(10):
        while not (slices := await node.kube.list_slices(driver=DRIVER, node=NAME)):
            await asyncio.sleep(0.01)
    (published,) = slices
    assert (published.spec.pool.name, published.spec.node_name) == (NAME, NAME)
    assert [device.name for device in published.spec.devices] == ["hami-gpu-0", "hami-gpu-1"]
    for device, gpu in zip(published.spec.devices, node.machine.gpus, strict=True):
        assert device.attributes["uuid"].string == gpu.uuid
        assert device.attributes["productName"].string == gpu.model.name
        assert device.attributes["cudaComputeCapability"].version == f"{gpu.model.compute_capability}.0"
        assert device.attributes["driverVersion"].version == "580.65.6"
        assert device.capacity["memory"].value == 16 * GIB


async def test_gate_off_is_told_where_people_look_and_nothing_is_granted_until_it_is_on(idle_node: Node) -> None:
    node = idle_node
    node.api.consumable_capacity = False
    await node.start()
    await until(lambda: node.events() != [], "an Event")
    (event,) = node.events()
    assert event["involvedObject"]["kind"] == "Node"
    assert event["involvedObject"]["name"] == NAME
    assert event["type"] == "Warning"
    assert "enable the feature gate DRAConsumableCapacity in kube-apiserver" in event["message"]
    assert event["message"] in node.log.read_text()
    assert await node.kube.list_slices() == []
    claim = await node.claim("single", share("gpu", 0))
    (refusal,) = await node.prepare(claim)
    assert isinstance(refusal, ClaimError)
    assert "enable the feature gate DRAConsumableCapacity" in str(refusal)
    assert node.files(claim) == []
    node.api.consumable_capacity = True
    await until(lambda: "published 2 GPUs" in node.log.read_text(), "slices")
    assert len(await node.kube.list_slices()) == 1
    assert [event["involvedObject"]["kind"] for event in node.events()] == ["Node", "ResourceClaim"]


async def test_gate_that_is_switched_off_later_is_told_too_and_made_up_for(node: Node) -> None:
    await node.published("hami-gpu-0", "hami-gpu-1")
    node.api.consumable_capacity = False
    for slice_ in await node.kube.list_slices():  # as a kubelet does at its start
        await node.kube.delete_slice(slice_.metadata.name)
    await until(lambda: node.events() != [], "an Event")
    (event,) = node.events()
    assert (event["involvedObject"]["kind"], event["reason"]) == ("Node", "FeatureGateOff")
    assert await node.kube.list_slices() == []
    node.api.consumable_capacity = True
    await node.published("hami-gpu-0", "hami-gpu-1")


async def test_sigterm_ends_it_cleanly_and_keeps_what_containers_use(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    files = node.files(claim)
    assert await node.stop() == 0
    assert list(node.registry_dir.iterdir()) == []
    assert node.files(claim) == files
    assert "Traceback" not in node.log.read_text()


async def test_sigterm_ends_it_while_the_driver_does_not_answer(idle_node: Node) -> None:
    node = idle_node
    hanging = node.log.with_name("nvidia-ctk")
    asked = hanging.with_name("asked")
    hanging.write_text(f"#!/bin/sh\n/usr/bin/touch {asked}\nexec /usr/bin/sleep 1000\n")
    hanging.chmod(0o755)
    process = await asyncio.create_subprocess_exec(
        *node.command(), f"--nvidia-ctk={hanging}", f"--nvidia-cdi-hook={hanging}", env=node.environment
    )
    try:
        await until(asked.exists, "the driver is asked")
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_api_server_away_fails_claims_with_the_reason_and_stops_nothing_else(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    other = await node.claim("other", share("gpu", 0))
    await node.prepared(claim)
    await node.api.__aexit__()
    (refusal,) = await node.prepare(other)
    assert isinstance(refusal, ClaimError)
    assert node.files(other) == []
    await node.unprepare(claim)
    assert node.files(claim) == []
    assert await node.stop() == 0


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--kubeconfig=/nonexistent", "/nonexistent"),
        ("--install-dir=/proc/nonexistent", "/proc/nonexistent"),
        ("--metrics-address=nowhere.invalid:9400", "cannot serve metrics at nowhere.invalid:9400"),
    ],
)
def test_what_it_cannot_start_without_is_one_clear_line(idle_node: Node, flag: str, reason: str) -> None:
    node = idle_node
    command = node.command()
    if "kubeconfig" in flag:
        command = [each for each in command if "--api-server" not in each]
    ended = subprocess.run([*command, flag], env=node.environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "cannot start: " in last
    assert reason in last
    assert "Traceback" not in ended.stderr
