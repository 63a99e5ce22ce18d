"""What keeps memory limits true, with the process that asks NVML, and what it leaves to be told."""

import asyncio
import os
import platform
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from hami_dra.kube import KubeClient
from hami_dra.plugin.events import ClaimEvents
from hami_dra.plugin.memory_guard import MemoryGuard
from hami_dra.plugin.memory_news import MemoryNews
from hami_dra.plugin.resize import NewSize, ResizeError, resize
from hami_dra.plugin.status_reports import StatusReports
from hami_dra.shares import Limits, Share, ShareFolders
from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.cgroups import cgroup
from tests.unit.ocihook.conftest import odd_nvml

__all__ = ["odd_nvml"]

MIB, GIB = 2**20, 2**30
NODE = "node-1"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")


@pytest.fixture
def container() -> Iterator[Path]:
    with cgroup() as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "machine", simulated_gpus(2), SimulatedDriver(version="615.71.09"))


@pytest.fixture
def folders(tmp_path: Path) -> ShareFolders:
    return ShareFolders(tmp_path / "shares")


def noted_share(folders: ShareFolders, gpu_uuid: str, container: Path, request: str = "gpu") -> Share:
    """A share of 4 GiB that notes a container, as the hook leaves it."""
    share = Share(
        claim_namespace="team",
        claim_name="claim",
        claim_uid="0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10",
        request=request,
        share_id=str(uuid5(NAMESPACE_URL, request)),
        pool=NODE,
        device="hami-gpu-0",
        gpu_uuid=gpu_uuid,
        cores=30,
        memory=4 * GIB,
        memory_enforcement="driver",
    )
    folders.ensure(share)
    (folders.path(share) / "containers" / "c0ffee").write_text(f"version 1\ncgroup {container}\npid 1\n")
    return share


@pytest.fixture
async def silent_kube() -> AsyncIterator[KubeClient]:
    """A client of an API server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with KubeClient.from_url(f"http://127.0.0.1:{server.getsockname()[1]}") as kube:
            yield kube


@asynccontextmanager
async def guarding(driver_root: Path, folders: ShareFolders, kube: KubeClient) -> AsyncIterator[MemoryGuard]:
    """A guard, and what tells of what it finds."""
    reports = StatusReports(kube, NODE, lambda share: guard.of(share), lambda _: "")
    news = MemoryNews(kube, folders, reports, ClaimEvents(kube, NODE), None)
    guard = MemoryGuard(driver_root, folders, news)
    telling = asyncio.create_task(news.run())
    try:
        yield guard
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        await guard.end()


async def test_limits_are_kept_while_the_api_server_does_not_answer(
    machine: Machine, folders: ShareFolders, container: Path, silent_kube: KubeClient
) -> None:
    share = noted_share(folders, machine.gpus[0].uuid, container)
    async with guarding(machine.root, folders, silent_kube) as guard:
        for repairs in (0, 1, 2):
            async with asyncio.timeout(8):  # less than a request to the API server may take
                await guard.look()
            assert [(limit.cgroup, limit.hard) for limit in machine.usage()[0].limits] == [
                (container.stat().st_ino, share.memory)
            ]
            assert guard.repairs == ({share.gpu_uuid: repairs} if repairs else {})
            machine.fault(share.gpu_uuid, "reset=1")


async def test_nothing_is_known_while_a_gpu_hangs_and_limits_are_kept_again_after(
    machine: Machine,
    folders: ShareFolders,
    container: Path,
    silent_kube: KubeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hami_dra.gpu.memory_process._PATIENCE_SECONDS", 2)
    share = noted_share(folders, machine.gpus[0].uuid, container)
    async with guarding(machine.root, folders, silent_kube) as guard:
        await guard.look()
        assert guard.of(share).used == 0
        machine.fault(share.gpu_uuid, "reset=1", "hung=1")
        async with asyncio.timeout(20):
            await guard.look()
        assert guard.of(share).used is None
        machine.fault(share.gpu_uuid, "hung=0")
        await guard.look()
        assert guard.repairs == {share.gpu_uuid: 1}


async def test_gpu_that_hangs_keeps_no_other_from_being_looked_after(
    machine: Machine,
    folders: ShareFolders,
    container: Path,
    silent_kube: KubeClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("hami_dra.gpu.memory_process._LATECOMERS_SECONDS", 1)
    ill, well = (noted_share(folders, gpu.uuid, container, gpu.uuid) for gpu in machine.gpus)
    async with guarding(machine.root, folders, silent_kube) as guard:
        await guard.look()
        machine.fault(ill.gpu_uuid, "hung=1")
        for repairs in (1, 2):
            machine.fault(well.gpu_uuid, "reset=1")
            async with asyncio.timeout(20):
                await guard.look()
            assert guard.repairs == {well.gpu_uuid: repairs}
            assert (guard.of(ill).used, guard.of(well).used) == (None, 0)
            assert {gpu_uuid for _, gpu_uuid in guard.holdings} == {well.gpu_uuid}
        complaint = f"memory limits of containers cannot be looked after: NVML does not answer for {ill.gpu_uuid}"
        assert caplog.messages.count(complaint) == 1
        machine.fault(ill.gpu_uuid, "reset=1", "hung=0")
        async with asyncio.timeout(20):
            while guard.repairs != {ill.gpu_uuid: 1, well.gpu_uuid: 2}:
                await guard.look()
        assert guard.of(ill).used == 0


async def test_resize_that_a_gpu_hangs_under_leaves_all_as_it_was(
    machine: Machine, folders: ShareFolders, container: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.gpu.memory_process._PATIENCE_SECONDS", 2)
    share = noted_share(folders, machine.gpus[0].uuid, container)
    await resize(folders, machine.root, NewSize("claim", "gpu", 3 * GIB))
    machine.fault(share.gpu_uuid, "hung=1")
    for memory in (2 * GIB, 4 * GIB):
        with pytest.raises(ResizeError, match="NVML has not answered for 2 s"):
            await asyncio.wait_for(resize(folders, machine.root, NewSize("claim", "gpu", memory)), 20)
        assert Limits.read(folders.path(share)).memory == 3 * GIB


async def test_share_that_changes_while_its_limit_is_set_has_the_new_one_and_no_false_alarm(
    tmp_path: Path,
    folders: ShareFolders,
    container: Path,
    odd_nvml: Path,
    silent_kube: KubeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    libraries = tmp_path / "driver/usr/lib" / f"{platform.machine()}-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "libnvidia-ml.so.1").symlink_to(odd_nvml / "restless.so")  # it renames while it sets
    share = noted_share(folders, "GPU-6e2e43b5-0eb2-595c-964d-42c849d08c85", container)
    limits, told = folders.path(share) / "limits", tmp_path / "told"
    to_be = limits.with_name("limits.new")
    to_be.write_text(limits.read_text().replace(str(4 * GIB), str(GIB)))
    for name, path in {"LIMITS": limits, "LIMITS_TO_BE": to_be, "TOLD": told}.items():
        monkeypatch.setenv(name, str(path))
    async with guarding(tmp_path / "driver", folders, silent_kube) as guard:
        await guard.look()
        assert told.read_text() == str(GIB)
        to_be.write_text(limits.read_text().replace(str(GIB), str(2 * GIB)))
        limits.write_text(limits.read_text().replace(str(GIB), str(3 * GIB)))
        await guard.look()
        assert told.read_text() == str(2 * GIB)
        assert guard.repairs == {}
