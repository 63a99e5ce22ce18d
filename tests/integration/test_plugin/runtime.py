"""What a container runtime does with the CDI devices of a claim, as far as the driver's limits need it."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from hami_dra.kube import ResourceClaimConsumerReference
from hami_dra.kubeletplugin import ClaimRef
from tests.integration.test_plugin.node import Node

# Takes memory as it is told, straight from the driver: libvgpu.so is not in this process.
_PROGRAM = """
import os, sys
from hami_dra.local.probe import Driver, DriverError
print("here", flush=True)
for line in sys.stdin:
    gpu, size = line.split()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0,1")
    driver = globals().setdefault("driver", Driver())
    driver.enter(int(gpu))
    try:
        driver.allocate(int(size))
        print("granted", flush=True)
    except DriverError as error:
        print(error, flush=True)
"""


class RuntimeContainer:
    """A process in a cgroup of its own, in that of a pod below `tree`, made with the devices of claims and their hooks.

    The claims are reserved for its pod, and for no other.

    It runs while the context is entered, and is a program that gets around libvgpu.so.
    """

    def __init__(self, node: Node, tree: Path, *claims: ClaimRef, pod_uid: str | None = None) -> None:
        self.id = uuid4().hex * 2
        self.pod = ResourceClaimConsumerReference(resource="pods", name="pod-0", uid=pod_uid or str(uuid4()))
        self.cgroup = tree / f"pod{self.pod.uid}" / self.id
        self._node = node
        self._claims = claims

    async def __aenter__(self) -> "RuntimeContainer":
        self.cgroup.mkdir(parents=True)
        join = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(self.cgroup))
        self._process = await asyncio.create_subprocess_exec(
            *(*join, sys.executable, "-c", _PROGRAM),
            env=os.environ | {"LD_LIBRARY_PATH": str(self._node.machine.library_dir)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert await self._answer() == "here"
        try:
            for claim in self._claims:
                await self._node.reserve(claim, self.pod)
                for hook in hooks(self._node, claim):
                    await self._run(hook)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()
        while self.cgroup.exists():
            try:
                self.cgroup.rmdir()
                self.cgroup.parent.rmdir()
            except OSError:
                await asyncio.sleep(0.01)

    async def take(self, gpu: int, size: int) -> str:
        """What the driver says to a program that wants so many bytes."""
        assert self._process.stdin
        self._process.stdin.write(f"{gpu} {size}\n".encode())
        await self._process.stdin.drain()
        return await self._answer()

    async def _answer(self) -> str:
        assert self._process.stdout
        async with asyncio.timeout(20):
            return (await self._process.stdout.readline()).decode().strip()

    async def _run(self, hook: "Hook") -> None:
        state = {"ociVersion": "1.0.2", "id": self.id, "status": "creating", "pid": self._process.pid, "bundle": "/"}
        running = await asyncio.create_subprocess_exec(
            hook.path, *hook.arguments[1:], stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, complaint = await running.communicate(json.dumps(state).encode())
        if running.returncode:
            raise AssertionError(complaint.decode())


@dataclass(frozen=True, slots=True)
class Hook:
    """What is run before a container starts."""

    path: str
    arguments: list[str]


def hooks(node: Node, claim: ClaimRef) -> list[Hook]:
    """The hooks in a claim's CDI spec that run before the container is made, those of its devices in order."""
    of_devices = (device["containerEdits"].get("hooks", []) for device in node.spec(claim)["devices"])
    return [
        Hook(hook["path"], hook["args"]) for each in of_devices for hook in each if hook["hookName"] == "createRuntime"
    ]
