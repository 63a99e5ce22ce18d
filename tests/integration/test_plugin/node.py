"""A node in a folder: the plugin as the process that it is, between an API server and a kubelet."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec

from hami_dra.kube import (
    AllocationResult,
    Conflict,
    Device,
    DeviceAllocationConfiguration,
    DeviceAllocationResult,
    DeviceRequestAllocationResult,
    KubeClient,
    ObjectMeta,
    Quantity,
    ResourceClaim,
    ResourceClaimConsumerReference,
    ResourceClaimStatus,
)
from hami_dra.kubeletplugin import ClaimError, ClaimRef, PreparedDevice
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.apiserver.kinds import EVENT
from hami_dra.local.apiserver.store import Object
from hami_dra.local.kubelet import Kubelet
from hami_dra.sim import Machine, write_cdi_spec

DRIVER = "hami-core-gpu.project-hami.io"
NAME = "node-1"
GIB = 2**30
_DEADLINE = 20


def share(request: str, gpu: int, *, cores: int = 30, memory: int = 4 * GIB) -> DeviceRequestAllocationResult:
    """One result of a claim's allocation, as the scheduler writes it."""
    return DeviceRequestAllocationResult(
        request=request,
        driver=DRIVER,
        pool=NAME,
        device=f"hami-gpu-{gpu}",
        share_id=str(uuid4()),
        consumed_capacity={"cores": Quantity(cores), "memory": Quantity(memory)},
    )


def whole(request: str, gpu: int) -> DeviceRequestAllocationResult:
    """What a request gets that asks for no capacity."""
    return share(request, gpu, cores=100, memory=16 * GIB)


class Node:
    """What a kubelet, an administrator and a container see of the plugin, and the means to start and to end it."""

    def __init__(self, folder: Path, machine: Machine, api: ApiServer, kube: KubeClient, kubelet: Kubelet) -> None:
        self.cdi_dir = folder / "cdi"
        self.state_dir = folder / "run"
        self.shares_dir = self.state_dir / "shares"
        self.install_dir = folder / "lib"
        self.plugin_dir = folder / "plugin"
        self.registry_dir = folder / "registry"
        self.log = folder / "plugin.log"
        self.program = "hami_dra.plugin.main"
        self.machine = machine
        # Without PATH it finds no nvidia-ctk, whatever this machine has, and uses the node's own CDI spec. Certificates
        # of public authorities, which take time to load, are hidden: the image has none either.
        self.environment = os.environ | {"PATH": "/nonexistent", "SSL_CERT_FILE": "/dev/null"}
        self.api = api
        self.kube = kube
        self.kubelet = kubelet
        self._metrics_address = f"127.0.0.1:{free_port()}"
        self._process: asyncio.subprocess.Process | None = None
        write_cdi_spec(machine, self.cdi_dir)

    def command(self) -> list[str]:
        """The plugin's command line."""
        return [sys.executable, "-m", self.program, *self.flags()]

    def flags(self) -> list[str]:
        """The part of the command line that says where this node's folders and API server are."""
        flags = {
            "node-name": NAME,
            "api-server": self.api.url,
            "driver-root": self.machine.root,
            "cdi-dir": self.cdi_dir,
            "state-dir": self.state_dir,
            "install-dir": self.install_dir,
            "plugin-dir": self.plugin_dir,
            "registry-dir": self.registry_dir,
            "metrics-address": self._metrics_address,
        }
        return [f"--{flag}={value}" for flag, value in flags.items()]

    async def start(self, *, instances: int = 1) -> None:
        """Start the plugin and wait until the kubelet has registered it, as one of so many."""
        started_before = self._times_ready()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self.command(), stderr=log, env=self.environment)
        await until(lambda: self._times_ready() > started_before, f"start of the plugin; see {self.log}")
        await self.kubelet.registered(DRIVER, instances=instances)

    def _times_ready(self) -> int:
        return self.log.read_text().count("ready for the kubelet") if self.log.exists() else 0

    async def stop(self) -> int:
        """End the plugin as the kubelet ends a pod; return its exit status."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End the plugin between any two of its instructions."""
        await self._end(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send the plugin's process a signal."""
        assert self._process
        self._process.send_signal(number)

    async def _end(self, number: signal.Signals) -> int:
        assert self._process
        process, self._process = self._process, None
        process.send_signal(number)
        async with asyncio.timeout(_DEADLINE):
            return await process.wait()

    async def end(self) -> None:
        """Leave no process behind."""
        if self._process:
            await self.kill()

    async def claim(
        self,
        name: str,
        *results: DeviceRequestAllocationResult,
        config: tuple[DeviceAllocationConfiguration, ...] = (),
    ) -> ClaimRef:
        """A claim to which the scheduler has given `results`; without any it is not allocated."""
        claim = await self.kube.create_claim(ResourceClaim(metadata=ObjectMeta(name=name, namespace="team")))
        if results:
            claim = await self.allocate(claim, *results, config=config)
        return ClaimRef("team", name, claim.metadata.uid)

    async def allocate(
        self,
        claim: ResourceClaim,
        *results: DeviceRequestAllocationResult,
        config: tuple[DeviceAllocationConfiguration, ...] = (),
    ) -> ResourceClaim:
        """Give a claim `results`, and take away what it had."""
        allocation = AllocationResult(devices=DeviceAllocationResult(results=results, config=config))
        status = ResourceClaimStatus(allocation=allocation if results else None)
        while True:
            found = await self.kube.get_claim(claim.metadata.namespace, claim.metadata.name)
            try:
                return await self.kube.update_claim_status(msgspec.structs.replace(found, status=status))
            except Conflict:
                continue  # the plugin reports on its shares meanwhile

    async def reserve(self, claim: ClaimRef, pod: ResourceClaimConsumerReference) -> None:
        """Have a claim reserved for a pod, as the scheduler does."""
        while True:
            found = await self.kube.get_claim(claim.namespace, claim.name)
            status = msgspec.structs.replace(found.status, reserved_for=(pod,))
            try:
                await self.kube.update_claim_status(msgspec.structs.replace(found, status=status))
                return
            except Conflict:
                continue  # the plugin reports on its shares meanwhile

    async def prepare(self, *claims: ClaimRef) -> list[tuple[PreparedDevice, ...] | ClaimError]:
        """What the plugin answers for each claim of one call."""
        answers = await self.kubelet.prepare(DRIVER, claims)
        return [answers[claim.uid] for claim in claims]

    async def prepared(self, claim: ClaimRef) -> tuple[PreparedDevice, ...]:
        """The devices of a claim that must not fail."""
        (answer,) = await self.prepare(claim)
        assert not isinstance(answer, ClaimError), answer
        return answer

    async def unprepare(self, *claims: ClaimRef) -> None:
        """Undo prepare for claims, none of which must fail."""
        answers = await self.kubelet.unprepare(DRIVER, claims)
        assert answers == {claim.uid: None for claim in claims}

    async def offered(self) -> list[Device]:
        """The devices in the plugin's slices."""
        slices = await self.kube.list_slices(driver=DRIVER, node=NAME)
        return [device for each in slices for device in each.spec.devices]

    async def published(self, *names: str) -> None:
        """Wait until these devices are offered and no others."""
        async with asyncio.timeout(_DEADLINE):
            while [device.name for device in await self.offered()] != list(names):
                await asyncio.sleep(0.02)

    def gpu_uuid(self, device: str) -> str:
        """The GPU that a published device is."""
        return self.machine.gpus[int(device.removeprefix("hami-gpu-"))].uuid

    def spec(self, claim: ClaimRef) -> dict[str, Any]:
        """A claim's CDI spec."""
        return msgspec.json.decode(self.spec_path(claim).read_bytes(), type=dict[str, Any])

    def spec_path(self, claim: ClaimRef) -> Path:
        """Where a claim's CDI spec lies."""
        return self.cdi_dir / f"{DRIVER}-{claim.uid}.json"

    def events(self) -> list[Object]:
        """All Events in the cluster."""
        return self.api.store.list(EVENT, lambda _: True)

    def files(self, claim: ClaimRef) -> list[Path]:
        """All files and folders on the node that bear a claim's UID, while the plugin may be removing some."""
        tree = (each for top in (self.cdi_dir, self.shares_dir) for each in os.walk(top))
        found = (Path(parent, name) for parent, folders, names in tree for name in (*folders, *names))
        return sorted(path for path in found if claim.uid in str(path))

    async def get(self, path: str, *, status: int = 200) -> str:
        """What the plugin's HTTP endpoint answers, with such a status."""
        async with aiohttp.ClientSession() as session, session.get(f"http://{self._metrics_address}{path}") as response:
            assert response.status == status
            return await response.text()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does; fail when it does not within the deadline."""
    try:
        async with asyncio.timeout(_DEADLINE):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {_DEADLINE} s: {what}") from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
