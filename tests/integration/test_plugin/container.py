"""What runs in a container: a CUDA process with the CDI devices that the plugin answered with."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator

from hami_dra.kubeletplugin import ClaimRef
from hami_dra.local.runtime import local_environment
from hami_dra.sim import Machine
from hami_dra.sim.mig import capabilities, capability_node
from tests.integration.test_plugin.node import DRIVER, Node

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
        """The GPUs and MIG devices whose device nodes it has: what a container runtime would make true."""
        specs = [json.loads(path.read_bytes()) for path in self._node.cdi_dir.glob(f"{DRIVER}-*.json")]
        named = [
            device
            for spec in specs
            for device in spec["devices"]
            if f"{spec['kind']}={device['name']}" in self._devices
        ]
        nodes = {node["path"] for each in named for node in each["containerEdits"]["deviceNodes"]}
        return [uuid for uuid, needed in device_nodes(self._node.machine) if needed <= nodes]

    def granted(self, uuid: str | int) -> int:
        """The bytes that it was given of a GPU, by its UUID or its place among the machine's."""
        return int(self._taken[self._uuid(uuid)][0])

    def total(self, uuid: str | int) -> int:
        """The bytes that it was shown of a GPU, by its UUID or its place among the machine's."""
        return int(self._taken[self._uuid(uuid)][1])

    def seen(self) -> set[str]:
        """The UUIDs of all that it sees."""
        return set(self._taken)

    def _uuid(self, gpu: str | int) -> str:
        return gpu if isinstance(gpu, str) else self._node.machine.gpus[gpu].uuid


def device_nodes(machine: Machine) -> Iterator[tuple[str, set[str]]]:
    """Each GPU and MIG device of a machine, by its UUID, with the device nodes that it needs."""
    for minor, gpu in enumerate(machine.usage()):
        if gpu.mig is None:
            yield gpu.uuid, {f"/dev/nvidia{minor}"}
        for device in gpu.mig or ():
            yield device.uuid, {f"/dev/nvidia{minor}", *(f"/{capability_node(n)}" for n in capabilities(minor, device))}


async def device_ids(node: Node, *claims: ClaimRef) -> list[str]:
    """What a container that names these claims is given."""
    return [device.cdi_device_ids[0] for claim in claims for device in await node.prepared(claim)]
