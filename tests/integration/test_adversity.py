"""The plugin on a node and in a cluster that fail it: a clear error, nothing lost, and all well when they are again."""

import asyncio
import json
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from hami_dra.kube import KubeClient
from hami_dra.kubeletplugin import ClaimError, ClaimLocks, ClaimRef
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.apiserver.kinds import RESOURCE_SLICE
from hami_dra.local.kubelet import Kubelet
from hami_dra.plugin.events import ClaimEvents
from hami_dra.plugin.health_news import HealthNews
from hami_dra.plugin.share_memory import ShareMemory
from hami_dra.plugin.status_reports import StatusReports
from hami_dra.plugin.sweep import Sweeper
from hami_dra.shares import ClaimFiles, Share, ShareFolders, SpecFiles
from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.integration.test_plugin.node import DRIVER, GIB, NAME, Node, share, until

_WITHOUT_PRIVILEGE = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)
os.execv(sys.argv[1], sys.argv[1:])
"""


class OrdinaryNode(Node):
    """A node on which folders' permissions count for the plugin even where the tests run as root."""

    kubeconfig: Path | None = None

    def command(self) -> list[str]:
        """The plugin's command line, after root has given up its rights over others' files."""
        return [sys.executable, "-c", _WITHOUT_PRIVILEGE, *super().command()]

    def flags(self) -> list[str]:
        """The same with a kubeconfig where there is one."""
        flags = super().flags()
        if self.kubeconfig:
            return [f"--kubeconfig={self.kubeconfig}", *(flag for flag in flags if not flag.startswith("--api-server"))]
        return flags

    @property
    def pid(self) -> int:
        """The plugin's process."""
        assert self._process
        return self._process.pid

    @property
    def said(self) -> str:
        """What the plugin has logged."""
        return self.log.read_text()

    async def refused(self, claim: ClaimRef) -> str:
        """Why a claim cannot be prepared, in one line."""
        (answer,) = await self.prepare(claim)
        assert isinstance(answer, ClaimError), answer
        assert "\n" not in str(answer)
        assert "unexpected" not in str(answer)
        return str(answer)

    def slices(self) -> list[str]:
        """The names of all slices."""
        return [slice_["metadata"]["name"] for slice_ in self.api.store.list(RESOURCE_SLICE, lambda _: True)]

    def delete_slices(self) -> None:
        """What a kubelet does when it starts."""
        for name in self.slices():
            self.api.store.delete(RESOURCE_SLICE, "", name)


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A simulated machine with two GPUs of 16 GiB."""
    return create_machine(tmp_path_factory.mktemp("machine"), simulated_gpus(2, memory_bytes=16 * GIB))


@pytest.fixture
async def idle_node(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> AsyncIterator[OrdinaryNode]:
    """A node on which the plugin has not been started."""
    folder = tmp_path_factory.mktemp("node")  # paths of sockets must be short, and test names are long
    registry = folder / "registry"
    registry.mkdir()
    async with ApiServer() as api, KubeClient.from_url(api.url) as kube, Kubelet(registry) as kubelet:
        api.add_node(NAME)
        node = OrdinaryNode(folder, machine, api, kube, kubelet)
        try:
            yield node
        finally:
            await node.end()
    if node.log.exists():
        assert "Traceback" not in node.said


@pytest.fixture
async def node(idle_node: OrdinaryNode) -> OrdinaryNode:
    """A node with a plugin that is registered and has published."""
    await idle_node.start()
    await until(lambda: idle_node.slices() != [], "slices")
    return idle_node


async def test_full_disk(node: OrdinaryNode) -> None:
    claim, other = await node.claim("claim", share("gpu", 0)), await node.claim("other", share("gpu", 1))
    await node.prepared(other)
    files = node.files(other)
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    reason = await node.refused(claim)
    assert "cannot be made" in reason
    assert "File too large" in reason
    assert node.files(claim) == []
    assert node.files(other) == files
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await node.prepared(claim)


async def test_no_file_descriptor_left(node: OrdinaryNode) -> None:
    claim = await node.claim("claim", share("gpu", 0))
    await node.published("hami-gpu-0", "hami-gpu-1")
    _, most = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (3, most))
    await until(lambda: "cannot be looked for: [Errno 24] Too many open files" in node.said, "the reason")
    (node.registry_dir / f"{DRIVER}-reg.sock").unlink()
    await node.kubelet.deregistered(DRIVER)
    resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (most, most))
    async with asyncio.timeout(20):
        await node.kubelet.registered(DRIVER)
    await node.prepared(claim)
    await node.published("hami-gpu-0", "hami-gpu-1")


async def test_folders_that_are_read_only_or_of_another_user(node: OrdinaryNode) -> None:
    claim, other = await node.claim("claim", share("gpu", 0)), await node.claim("other", share("gpu", 1))
    await node.prepared(other)
    files = node.files(other)
    for folder in (node.shares_dir, node.cdi_dir):
        folder.chmod(0o555)
        reason = await node.refused(claim)
        assert "Permission denied" in reason
        assert str(folder) in reason
        problem = (await node.kubelet.unprepare(DRIVER, [other]))[other.uid]
        assert "cannot be removed" in str(problem)
        assert str(folder) in str(problem)
        folder.chmod(0o755)
        await node.prepared(other)
        assert node.files(other) == files
        await node.prepared(claim)
        await node.unprepare(claim)
        assert node.files(claim) == []
    if os.geteuid() == 0:  # Nobody else can give a folder away.
        os.chown(node.shares_dir, 65534, 65534)
        assert f"Permission denied: '{node.shares_dir}" in await node.refused(claim)
        os.chown(node.shares_dir, 0, 0)
        await node.prepared(claim)


async def test_folders_that_cannot_be_used_at_start(idle_node: OrdinaryNode) -> None:
    node = idle_node
    for folder in (node.install_dir, node.plugin_dir):
        folder.write_text("in the way")
        await _does_not_start(node, folder)
        folder.unlink()
        folder.mkdir(mode=0o555)
        await _does_not_start(node, folder)
        folder.chmod(0o755)
    await node.start()


async def _does_not_start(node: OrdinaryNode, folder: Path) -> None:
    started = await asyncio.create_subprocess_exec(
        *node.command(), env=node.environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await started.communicate()
    assert started.returncode == 1
    last = said.decode().splitlines()[-1]
    assert "cannot start: " in last
    assert str(folder) in last
    assert b"Traceback" not in said
    assert list(node.registry_dir.iterdir()) == []


async def test_something_else_where_a_file_or_folder_of_a_claim_should_be(node: OrdinaryNode) -> None:
    for name in ("limits", "region", "share.json", "spec", "folder"):
        claim = await node.claim(name, share("gpu", 0))
        await node.prepared(claim)
        (folder,) = node.shares_dir.iterdir()
        path = {"spec": node.spec_path(claim), "folder": folder}.get(name, folder / name)
        await node.unprepare(claim)
        path.parent.mkdir(exist_ok=True)
        path.write_text("in the way") if name == "folder" else path.mkdir()
        assert str(path) in await node.refused(claim)
        await node.unprepare(claim)
        assert node.files(claim) == []
        await node.prepared(claim)
        await node.unprepare(claim)


async def test_something_else_where_the_folder_of_all_shares_should_be(idle_node: OrdinaryNode) -> None:
    node = idle_node
    node.state_dir.mkdir()
    node.shares_dir.write_text("in the way")
    node.api.device_taints = False  # then it matters which devices are in use
    await node.start()
    claim = await node.claim("claim", share("gpu", 0))
    gpu = node.machine.gpus[1].uuid
    node.machine.fault(gpu, "lost=1")
    try:
        reason = f"Not a directory: '{node.shares_dir}'"
        await until(lambda: f"claims are told later how their GPUs are: [Errno 20] {reason}" in node.said, "the reason")
        await until(lambda: node.said.count("published 2 GPUs") == 2, "the GPU is not withdrawn")
        assert reason in await node.get("/metrics", status=503)
        assert str(node.shares_dir) in await node.refused(claim)
        node.shares_dir.unlink()
        await node.prepared(claim)
    finally:
        node.machine.fault(gpu, "lost=0")


async def test_api_server_that_takes_requests_and_never_answers(node: OrdinaryNode) -> None:
    claim, other = await node.claim("claim", share("gpu", 0)), await node.claim("other", share("gpu", 1))
    await node.prepared(other)
    await node.api.__aexit__()
    with socket.create_server(("127.0.0.1", int(node.api.url.rpartition(":")[2]))):
        refused = asyncio.create_task(node.refused(claim))
        await node.unprepare(other)
        assert node.files(other) == []
        assert f"get resourceclaims team/claim: {node.api.url} did not answer in time" in await refused
    await node.api.__aenter__()
    await node.prepared(claim)


async def test_api_server_that_restarts_and_forgets_and_a_kubelet_that_deletes_the_slices(node: OrdinaryNode) -> None:
    claim = await node.claim("claim", share("gpu", 0))
    await node.prepared(claim)
    await node.api.__aexit__()
    await node.api.__aenter__()
    await node.prepared(claim)
    for _ in range(2):
        node.delete_slices()
        node.api.store.forget()
        await until(lambda: node.slices() != [], "slices")


async def test_token_that_is_rotated(idle_node: OrdinaryNode) -> None:
    node = idle_node
    token = node.log.with_name("token")
    token.write_text("first")
    node.kubeconfig = _kubeconfig(node.log.with_name("kubeconfig"), node.api.url, token)
    claim = await node.claim("claim", share("gpu", 0))
    node.api.token = "first"
    await node.start()
    await node.prepared(claim)
    node.api.token = "second"
    assert "Unauthorized (HTTP 401)" in await node.refused(claim)
    token.write_text("second")
    await node.prepared(claim)


def _kubeconfig(path: Path, server: str, token: Path) -> Path:
    config = {
        "current-context": "node",
        "contexts": [{"name": "node", "context": {"cluster": "test", "user": "plugin"}}],
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "plugin", "user": {"tokenFile": str(token)}}],
    }
    path.write_text(json.dumps(config))
    return path


async def test_hundreds_of_stale_claims_hold_nobody_up(node: OrdinaryNode) -> None:
    gone, claim = await node.claim("gone", share("gpu", 0)), await node.claim("claim", share("gpu", 0))
    await node.prepared(gone)
    (folder,) = node.shares_dir.iterdir()
    identity, spec = (folder / "share.json").read_text(), node.spec_path(gone)
    await node.stop()
    await node.kube.delete_claim(gone.namespace, gone.name)
    for uid in (str(uuid4()) for _ in range(300)):
        stale = node.shares_dir / folder.name.replace(gone.uid, uid)
        stale.mkdir()
        (stale / "share.json").write_text(identity.replace(gone.uid, uid))
        (node.cdi_dir / spec.name.replace(gone.uid, uid)).write_text("{}")
    await node.start()
    await node.prepared(claim)
    assert len(list(node.shares_dir.iterdir())) > 1
    await until(lambda: len(list(node.shares_dir.iterdir())) == 1, "the sweep")
    assert [path for path in node.cdi_dir.iterdir() if DRIVER in path.name] == [node.spec_path(claim)]


async def test_sweep_reads_the_folders_once_and_gives_up_at_once_without_an_api_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listings: list[Path] = []

    def names_in(folder: Path) -> list[str]:
        listings.append(folder)
        return sorted(path.name for path in folder.iterdir())

    for module in ("folder", "spec_files"):
        monkeypatch.setattr(f"hami_dra.shares.{module}.names_in", names_in)
    files = ClaimFiles(ShareFolders(tmp_path / "shares"), SpecFiles(tmp_path / "cdi"))
    files.specs.cdi_dir.mkdir()
    for uid in (str(uuid4()) for _ in range(20)):
        folder = files.folders.root / f"{uid}-{uuid4()}"
        folder.mkdir(parents=True)
        identity = Share(
            claim_namespace="team",
            claim_name="gone",
            claim_uid=uid,
            request="gpu",
            share_id=str(uuid4()),
            pool=NAME,
            device="hami-gpu-0",
            gpu_uuid="GPU-1",
            cores=30,
            memory=GIB,
        )
        (folder / "share.json").write_bytes(msgspec.json.encode(identity))
    async with ApiServer() as api, KubeClient.from_url(api.url) as kube:
        reports = StatusReports(kube, NAME, lambda share: ShareMemory(share, share.memory), lambda _: "")
        news = HealthNews(kube, files.folders, reports, ClaimEvents(kube, NAME), lambda _: "")
        sweeper = Sweeper(kube, files, ClaimLocks(), news, tmp_path / "lib")
        await api.__aexit__()
        await sweeper.sweep()
        assert caplog.text.count("stays for now") == 1
        assert len(list(files.folders.root.iterdir())) == 20
        listings.clear()
        await api.__aenter__()
        await sweeper.sweep()
    assert list(files.folders.root.iterdir()) == []
    assert sorted(listings) == [files.specs.cdi_dir, files.folders.root]
