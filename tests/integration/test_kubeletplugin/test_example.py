"""The example driver as the processes that it is, between an API server and a kubelet."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import pytest

from hami_dra.kube import (
    AllocationResult,
    DeviceAllocationResult,
    DeviceRequestAllocationResult,
    KubeClient,
    ObjectMeta,
    ResourceClaim,
    ResourceClaimStatus,
)
from hami_dra.kubeletplugin import ClaimError, ClaimRef, HealthStatus
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.kubelet import Kubelet
from tests.integration.test_kubeletplugin.driver import DEADLINE

EXAMPLE = Path(__file__).parents[3] / "examples" / "kubeletplugin" / "driver.py"
NAME = "lamp.example.com"
NODE = "node-1"


class Node:
    """A node on which the example can be started any number of times."""

    def __init__(self, folder: Path, api: ApiServer, kube: KubeClient) -> None:
        self.cdi_dir = folder / "cdi"
        self.plugin_dir = folder / "plugin"
        self.registry = folder / "registry"
        self.log = folder / "log"
        self.kube = kube
        self._api = api
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, pod_uid: str = "") -> asyncio.subprocess.Process:
        flags = {
            "node-name": NODE,
            "api-server": self._api.url,
            "cdi-dir": self.cdi_dir,
            "plugin-dir": self.plugin_dir,
            "registry-dir": self.registry,
        }
        command = [sys.executable, str(EXAMPLE), *(f"--{flag}={value}" for flag, value in flags.items())]
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(*command, stderr=log, env=os.environ | {"POD_UID": pod_uid})
        self.processes.append(process)
        return process

    async def claim(self, name: str, lamp: int) -> ClaimRef:
        result = DeviceRequestAllocationResult(request="lamp", driver=NAME, pool=NODE, device=f"lamp-{lamp}")
        claim = await self.kube.create_claim(ResourceClaim(metadata=ObjectMeta(name=name, namespace="team")))
        allocation = AllocationResult(devices=DeviceAllocationResult(results=(result,)))
        allocated = ResourceClaim(metadata=claim.metadata, status=ResourceClaimStatus(allocation=allocation))
        await self.kube.update_claim_status(allocated)
        return ClaimRef("team", name, claim.metadata.uid)

    def sockets(self) -> list[Path]:
        return [path for folder in (self.plugin_dir, self.registry) for path in folder.iterdir() if path.is_socket()]


async def stop(process: asyncio.subprocess.Process) -> int:
    process.send_signal(signal.SIGTERM)
    return await process.wait()


@pytest.fixture
async def node(folder: Path) -> AsyncIterator[Node]:
    async with ApiServer() as api, KubeClient.from_url(api.url) as kube:
        api.add_node(NODE)
        node = Node(folder, api, kube)
        try:
            yield node
        finally:
            for process in node.processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


def test_example_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 100


async def test_example_publishes_prepares_reports_health_and_unprepares(node: Node) -> None:
    async with asyncio.timeout(DEADLINE), Kubelet(node.registry) as kubelet:
        process = await node.start()
        await kubelet.registered(NAME)
        claim = await node.claim("desk", 2)
        answer = (await kubelet.prepare(NAME, [claim]))[claim.uid]
        assert not isinstance(answer, ClaimError), answer
        (device,) = answer
        assert (device.requests, device.pool, device.device) == (("lamp",), NODE, "lamp-2")
        (file,) = node.cdi_dir.iterdir()
        (made,) = json.loads(file.read_text())["devices"]
        assert device.cdi_device_ids == (f"{NAME}/lamp={made['name']}",)
        assert made["containerEdits"]["env"] == ["LAMP_2=lamp-2"]
        (node.plugin_dir / "broken").mkdir()
        (node.plugin_dir / "broken" / "lamp-3").touch()
        async with aclosing(kubelet.health(NAME)) as reports:
            report = await anext(reports)
        assert [each.device for each in report if each.status is HealthStatus.UNHEALTHY] == ["lamp-3"]
        while not (slices := await node.kube.list_slices(driver=NAME)):
            await asyncio.sleep(0.01)
        assert [each.name for each in slices[0].spec.devices] == ["lamp-0", "lamp-1", "lamp-2", "lamp-3"]
        assert await kubelet.unprepare(NAME, [claim]) == {claim.uid: None}
        assert list(node.cdi_dir.iterdir()) == []
        assert await stop(process) == 0
    assert node.sockets() == []
    assert "Traceback" not in node.log.read_text()


async def test_example_ends_at_ctrl_c_and_says_what_it_needs(node: Node) -> None:
    async with asyncio.timeout(DEADLINE), Kubelet(node.registry) as kubelet:
        process = await node.start()
        await kubelet.registered(NAME)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert "Traceback" not in node.log.read_text()
    environment = {name: value for name, value in os.environ.items() if name != "NODE_NAME"}
    ended = await asyncio.create_subprocess_exec(sys.executable, EXAMPLE, env=environment, stderr=subprocess.PIPE)
    _, said = await ended.communicate()
    assert ended.returncode == 2
    assert b"the following arguments are required: --node-name" in said


async def test_update_with_both_instances_running_has_no_failed_prepare(node: Node) -> None:
    prepared = 0

    async def keep_preparing() -> None:
        nonlocal prepared
        while True:
            assert isinstance((await kubelet.prepare(NAME, [claim]))[claim.uid], tuple)
            prepared += 1

    async with asyncio.timeout(2 * DEADLINE), Kubelet(node.registry) as kubelet:
        claim = await node.claim("desk", 2)
        old = await node.start(str(uuid4()))
        await kubelet.registered(NAME)
        preparing = asyncio.create_task(keep_preparing())
        new = await node.start(str(uuid4()))
        await kubelet.registered(NAME, instances=2)
        before, enough = prepared, prepared + 20
        # A call that began before may still have to connect to the old one: the real kubelet is connected already.
        while prepared < before + 2 and not preparing.done():
            await asyncio.sleep(0.01)
        assert await stop(old) == 0
        await kubelet.registered(NAME, instances=1)
        while prepared < enough and not preparing.done():
            await asyncio.sleep(0.01)
        preparing.cancel()
        await asyncio.gather(preparing, return_exceptions=True)
        assert preparing.cancelled(), preparing.exception()
        assert 0 < before < enough <= prepared
        assert len(node.sockets()) == 2
        # What the old instance prepared, the new one undoes.
        assert await kubelet.unprepare(NAME, [claim]) == {claim.uid: None}
        assert await stop(new) == 0
    assert node.sockets() == []


async def test_sockets_of_a_killed_instance_go_when_the_next_pod_starts(node: Node) -> None:
    async with asyncio.timeout(DEADLINE), Kubelet(node.registry) as kubelet:
        killed = await node.start(str(uuid4()))
        await kubelet.registered(NAME)
        killed.kill()
        await killed.wait()
        assert len(node.sockets()) == 2
        await node.start(uid := str(uuid4()))
        while sorted(path.name for path in node.sockets()) != [f"dra-{uid}.sock", f"{NAME}-{uid}-reg.sock"]:
            await asyncio.sleep(0.01)
        await kubelet.registered(NAME)
