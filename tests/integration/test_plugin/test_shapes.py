"""The shapes that claims and the pods that use them can have, each as far as a process in a container."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import structs

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration, Quantity
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.local.runtime import local_environment
from hami_dra.shares import read_use
from tests.integration.test_plugin.node import DRIVER, GIB, Node, share

TAKE_ALL = """
import json, sys
from contextlib import suppress
from hami_dra.local.probe import Driver, DriverError
driver = Driver()
taken = {}
for ordinal in range(driver.device_count()):
    uuid = driver.enter(ordinal)
    taken[uuid] = driver.memory()
    with suppress(DriverError):
        driver.allocate(taken[uuid][0] + 1)
    if taken[uuid][0]:
        driver.allocate(taken[uuid][0])
print(json.dumps(taken), flush=True)
sys.stdin.read()
"""


class Container:
    """A process that uses CDI devices, takes all memory that it is given, and holds it while the context is entered."""

    def __init__(self, node: Node, *devices: str) -> None:
        self._node = node
        self._devices = devices
        self._scratch = node.state_dir.parent / f"scratch-{len(list(node.state_dir.parent.glob('scratch-*')))}"

    async def __aenter__(self) -> "Container":
        self._scratch.mkdir()
        devices = local_environment(self._devices, cdi_dir=self._node.cdi_dir, scratch=self._scratch)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", TAKE_ALL),
            env=os.environ | devices | {"CUDA_VISIBLE_DEVICES": ",".join(self._visible())},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout
        async with asyncio.timeout(20):
            said = await self._process.stdout.readline()
        if not said:
            await self.__aexit__()
            raise AssertionError(self.errors)
        self._taken = json.loads(said)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.errors = (await self._process.communicate(b""))[1].decode()

    def _visible(self) -> list[str]:
        """The GPUs whose device nodes it has: what a container runtime would make true."""
        specs = [json.loads(path.read_bytes()) for path in self._node.cdi_dir.glob(f"{DRIVER}-*.json")]
        named = [
            device
            for spec in specs
            for device in spec["devices"]
            if f"{spec['kind']}={device['name']}" in self._devices
        ]
        minors = {
            node["path"].removeprefix("/dev/nvidia") for each in named for node in each["containerEdits"]["deviceNodes"]
        }
        return [gpu.uuid for minor, gpu in enumerate(self._node.machine.gpus) if str(minor) in minors]

    def granted(self, gpu: int) -> int:
        """The bytes that it was given of a GPU of the machine."""
        return int(self._taken[self._node.machine.gpus[gpu].uuid][0])

    def total(self, gpu: int) -> int:
        """The bytes that it was shown of a GPU of the machine."""
        return int(self._taken[self._node.machine.gpus[gpu].uuid][1])


async def device_ids(node: Node, *claims: ClaimRef) -> list[str]:
    """What a container that names these claims is given."""
    return [device.cdi_device_ids[0] for claim in claims for device in await node.prepared(claim)]


def whole(request: str, gpu: int) -> Any:
    return share(request, gpu, cores=100, memory=16 * GIB)


def config(source: Literal["FromClass", "FromClaim"], *requests: str, **said: object) -> DeviceAllocationConfiguration:
    parameters = {"apiVersion": "hami.project-hami.io/v1alpha1", "kind": "ShareConfig", **said}
    opaque = OpaqueDeviceConfiguration(driver=DRIVER, parameters=parameters)
    return DeviceAllocationConfiguration(source=source, requests=requests, opaque=opaque)


def targets(device: dict[str, Any]) -> list[str]:
    return [mount["containerPath"] for mount in device["containerEdits"].get("mounts", ())]


async def test_claim_shared_by_containers_and_pods_is_one_share(node: Node) -> None:
    claim = await node.claim("shared", share("gpu", 0))
    async with Container(node, *await device_ids(node, claim)) as first:
        assert first.granted(0) == 4 * GIB
        second_pods = await device_ids(node, claim)
        async with Container(node, *second_pods) as second:
            assert second.granted(0) == 0
    async with Container(node, *second_pods) as third:
        assert third.granted(0) == 4 * GIB


async def test_several_claims_in_one_container_add_up_gpu_by_gpu(node: Node) -> None:
    one = await node.claim("one", share("gpu", 1))
    two = await node.claim("two", share("gpu", 0, memory=GIB), share("more", 1, memory=2 * GIB))
    async with Container(node, *await device_ids(node, one, two)) as container:
        assert (container.granted(0), container.granted(1)) == (GIB, 6 * GIB)


async def test_container_that_names_one_request_has_its_limits_alone(node: Node) -> None:
    claim = await node.claim("double", share("small", 0, memory=GIB), share("large", 0, memory=8 * GIB))
    small, large = await device_ids(node, claim)
    async with Container(node, small) as first, Container(node, large) as second:
        assert (first.granted(0), second.granted(0)) == (GIB, 8 * GIB)
    async with Container(node, small, large) as both:
        assert both.granted(0) == 9 * GIB


async def test_reboot_takes_all_files_and_the_next_prepare_brings_them_back(node: Node) -> None:
    claim = await node.claim("double", share("gpu-0", 0), whole("gpu-1", 1))
    answer, before = await node.prepared(claim), node.files(claim)
    await node.kill()
    node.spec_path(claim).unlink()
    shutil.rmtree(node.state_dir)
    await node.start()
    assert node.files(claim) == []
    assert await node.prepared(claim) == answer
    assert node.files(claim) == before


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
    assert targets(in_spec) == []
    assert "/etc/ld.so.preload" not in targets(node.spec(claim))
    assert [path.name for path in (node.shares_dir / in_spec["name"]).iterdir()] == ["share.json"]
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
            (mount,) = device["containerEdits"]["mounts"]
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
