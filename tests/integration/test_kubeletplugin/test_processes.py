"""A plugin's processes: two at once, and one that is stopped or killed in the middle of a call."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from hami_dra.kubeletplugin import ClaimRef
from hami_dra.kubeletplugin._pb import dra_pb2
from hami_dra.kubeletplugin.rpc import DRA_VERSIONS
from hami_dra.local.kubelet import Kubelet
from tests.integration.test_kubeletplugin.driver import DEADLINE, NAME

SLOW, OTHER = (ClaimRef("ns", name, f"uid-{name}") for name in ("slow", "other"))
PREPARE = DRA_VERSIONS[0].prepare


class Processes:
    """Plugins that share their folders, as the pods of an update do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hold = folder / "hold"
        self.running: list[asyncio.subprocess.Process] = []

    async def start(self) -> tuple[asyncio.subprocess.Process, Path]:
        """Start one more; return it and the path of its driver's socket."""
        uid = str(uuid4())
        module = "tests.integration.test_kubeletplugin.served"
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, str(self.folder), uid)
        self.running.append(process)
        registration = self.folder / "registry" / f"{NAME}-{uid}-reg.sock"
        while not registration.exists():
            await asyncio.sleep(0.01)
        return process, self.folder / "plugin" / f"dra-{uid}.sock"

    def log(self) -> list[str]:
        """What was begun and ended so far, in order."""
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    async def logged(self, line: str, times: int = 1) -> None:
        while self.log().count(line) < times:
            await asyncio.sleep(0.005)

    def sockets(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_socket()]


@pytest.fixture
async def processes(folder: Path) -> AsyncIterator[Processes]:
    processes = Processes(folder)
    try:
        yield processes
    finally:
        for process in processes.running:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def prepare(socket: Path, *claims: ClaimRef) -> dra_pb2.NodePrepareResourcesResponse:
    messages = [dra_pb2.Claim(namespace=claim.namespace, uid=claim.uid, name=claim.name) for claim in claims]
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        return await PREPARE.call(channel, dra_pb2.NodePrepareResourcesRequest(claims=messages), DEADLINE)


async def test_two_instances_never_work_on_one_claim_at_once_and_do_on_others(processes: Processes) -> None:
    processes.hold.touch()
    async with asyncio.timeout(2 * DEADLINE):
        (_, first), (_, second) = await asyncio.gather(processes.start(), processes.start())
        calls = [asyncio.create_task(prepare(socket, SLOW)) for socket in (first, second)]
        await processes.logged(f"begin {SLOW.uid}")
        await prepare(first, OTHER)
        await prepare(second, OTHER)
        assert processes.log().count(f"begin {SLOW.uid}") == 1
        processes.hold.unlink()
        for response in await asyncio.gather(*calls):
            assert len(response.claims[SLOW.uid].devices) == 1
    assert [line for line in processes.log() if SLOW.uid in line] == [f"begin {SLOW.uid}", f"end {SLOW.uid}"] * 2


async def test_claim_of_a_killed_instance_is_free_for_the_other(processes: Processes) -> None:
    processes.hold.touch()
    async with asyncio.timeout(2 * DEADLINE):
        (doomed, first), (_, second) = await asyncio.gather(processes.start(), processes.start())
        lost = asyncio.create_task(prepare(first, SLOW))
        await processes.logged(f"begin {SLOW.uid}")
        retry = asyncio.create_task(prepare(second, SLOW))
        doomed.kill()
        await processes.logged(f"begin {SLOW.uid}", times=2)
        processes.hold.unlink()
        assert len((await retry).claims[SLOW.uid].devices) == 1
        with pytest.raises(grpc.aio.AioRpcError):
            await lost


async def test_sigterm_during_a_prepare_deregisters_lets_it_finish_and_leaves_no_socket(processes: Processes) -> None:
    processes.hold.touch()
    async with asyncio.timeout(2 * DEADLINE), Kubelet(processes.folder / "registry") as kubelet:
        process, _ = await processes.start()
        await kubelet.registered(NAME)
        call = asyncio.create_task(kubelet.prepare(NAME, [SLOW]))
        await processes.logged(f"begin {SLOW.uid}")
        os.kill(process.pid, signal.SIGTERM)
        await kubelet.deregistered(NAME)
        assert process.returncode is None
        processes.hold.unlink()
        assert isinstance((await call)[SLOW.uid], tuple)
        assert await process.wait() == 0
    assert processes.sockets() == []
