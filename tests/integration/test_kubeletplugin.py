"""The kubelet plugin library, called over its real sockets by a kubelet-like client."""

import asyncio
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

import grpc
import pytest

from hami_dra.kubeletplugin import ClaimError, ClaimRef, KubeletPlugin, PreparedDevice, SocketError
from hami_dra.kubeletplugin._pb import dra_pb2
from hami_dra.kubeletplugin.rpc import DRA_VERSIONS
from hami_dra.local.kubelet import Kubelet

NAME = "gpu.example.com"
DEADLINE = 10
ONE, TWO, BAD, BROKEN = (ClaimRef("ns", name, f"uid-{name}") for name in ("one", "two", "bad", "broken"))
PREPARED = PreparedDevice(
    requests=("main/sub",), pool="node", device="gpu-0", cdi_device_ids=("example.com/share=a",), share_id="id-a"
)


class RecordingDriver:
    """Writes down when its calls begin and end; `gate` holds them in between."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.log: list[str] = []

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        await self._pass("prepare", claim)
        if claim == BAD:
            raise ClaimError("the claim\nis not allocated:  wait")
        if claim == BROKEN:
            raise ZeroDivisionError("a\nbug")
        return [PREPARED]

    async def unprepare(self, claim: ClaimRef) -> None:
        await self._pass("unprepare", claim)
        if claim == BAD:
            raise ClaimError("busy")

    async def began(self, *entries: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while not set(entries) <= set(self.log):
                await asyncio.sleep(0.001)

    async def _pass(self, call: str, claim: ClaimRef) -> None:
        self.log.append(f"{call} {claim.name} begins")
        await self.gate.wait()
        self.log.append(f"{call} {claim.name} ends")


@pytest.fixture
def driver() -> RecordingDriver:
    return RecordingDriver()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "registry"


@pytest.fixture
def plugin(driver: RecordingDriver, tmp_path: Path, registry: Path) -> KubeletPlugin:
    return KubeletPlugin(NAME, driver, plugin_dir=tmp_path / "plugin", registry_dir=registry)


async def registered(kubelet: Kubelet) -> str:
    async with asyncio.timeout(DEADLINE):
        return await kubelet.registered(NAME)


async def test_kubelet_takes_the_newest_version_that_both_know(plugin: KubeletPlugin, registry: Path) -> None:
    async with plugin:
        async with Kubelet(registry) as kubelet:
            assert await registered(kubelet) == "v1.DRAPlugin"
        async with Kubelet(registry, versions=["v1beta1.DRAPlugin"]) as kubelet:
            assert await registered(kubelet) == "v1beta1.DRAPlugin"


async def test_refused_registration_is_logged_with_what_to_do(
    plugin: KubeletPlugin, registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with plugin, Kubelet(registry, versions=[]), asyncio.timeout(DEADLINE):
        while "did not register" not in caplog.text:
            await asyncio.sleep(0.01)
    assert "none of ['v1.DRAPlugin', 'v1beta1.DRAPlugin'] is known to this kubelet" in caplog.text
    assert "same path on the host" in caplog.text


@pytest.mark.parametrize(("version", "share_id"), [("v1.DRAPlugin", "id-a"), ("v1beta1.DRAPlugin", None)])
async def test_prepare_and_unprepare(plugin: KubeletPlugin, registry: Path, version: str, share_id: str | None) -> None:
    async with plugin, Kubelet(registry, versions=[version]) as kubelet:
        await registered(kubelet)
        prepared = await kubelet.prepare(NAME, [ONE, TWO])
        assert prepared == dict.fromkeys(
            [ONE.uid, TWO.uid],
            (PreparedDevice(("main",), "node", "gpu-0", ("example.com/share=a",), share_id),),
        )
        assert await kubelet.unprepare(NAME, [ONE, TWO]) == {ONE.uid: None, TWO.uid: None}


async def test_one_bad_claim_does_not_touch_the_others(
    plugin: KubeletPlugin, registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nameless = ClaimRef("ns", "", "uid-nameless")
    async with plugin, Kubelet(registry) as kubelet:
        await registered(kubelet)
        prepared = await kubelet.prepare(NAME, [BAD, ONE, BROKEN, nameless])
        unprepared = await kubelet.unprepare(NAME, [BAD, ONE])
    assert str(prepared[BAD.uid]) == "the claim is not allocated: wait"
    assert str(prepared[BROKEN.uid]) == "unexpected ZeroDivisionError: a bug; see the driver's log"
    assert "named a claim incompletely" in str(prepared[nameless.uid])
    assert isinstance(prepared[ONE.uid], tuple)
    assert str(unprepared[BAD.uid]) == "busy"
    assert unprepared[ONE.uid] is None
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert [record.levelno for record in tracebacks] == [logging.ERROR]


async def test_claims_run_at_once_and_calls_for_one_claim_in_turn(
    plugin: KubeletPlugin, driver: RecordingDriver, registry: Path
) -> None:
    driver.gate.clear()
    async with plugin, Kubelet(registry) as kubelet:
        await registered(kubelet)
        prepare = asyncio.create_task(kubelet.prepare(NAME, [ONE, TWO]))
        await driver.began("prepare one begins", "prepare two begins")
        unprepare = asyncio.create_task(kubelet.unprepare(NAME, [ONE, BAD]))
        await driver.began("unprepare bad begins")
        assert "unprepare one begins" not in driver.log
        driver.gate.set()
        await asyncio.gather(prepare, unprepare)
    assert driver.log.index("prepare one ends") < driver.log.index("unprepare one begins")


async def test_work_goes_on_when_the_kubelet_hangs_up(
    plugin: KubeletPlugin, driver: RecordingDriver, registry: Path
) -> None:
    driver.gate.clear()
    async with plugin, Kubelet(registry) as kubelet:
        await registered(kubelet)
        impatient = asyncio.create_task(kubelet.prepare(NAME, [ONE]))
        await driver.began("prepare one begins")
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
        retry = asyncio.create_task(kubelet.prepare(NAME, [ONE, TWO]))
        await driver.began("prepare two begins")
        assert driver.log.count("prepare one begins") == 1
        driver.gate.set()
        await retry
    assert [entry for entry in driver.log if "one" in entry] == ["prepare one begins", "prepare one ends"] * 2


async def test_leaving_lets_running_calls_finish_and_removes_the_sockets(
    plugin: KubeletPlugin, driver: RecordingDriver, registry: Path, tmp_path: Path
) -> None:
    driver.gate.clear()
    async with Kubelet(registry) as kubelet, asyncio.timeout(DEADLINE):
        await plugin.__aenter__()
        await registered(kubelet)
        call = asyncio.create_task(kubelet.prepare(NAME, [ONE]))
        await driver.began("prepare one begins")
        leaving = asyncio.create_task(plugin.__aexit__())
        await kubelet.deregistered(NAME)
        assert not leaving.done()
        driver.gate.set()
        await leaving
        assert isinstance((await call)[ONE.uid], tuple)
    assert [path for path in tmp_path.rglob("*") if path.is_socket()] == []


async def test_restart_after_kill_replaces_stale_sockets_and_registers_anew(
    driver: RecordingDriver, plugin: KubeletPlugin, registry: Path, tmp_path: Path
) -> None:
    for folder, name in ((tmp_path / "plugin", "dra.sock"), (registry, f"{NAME}-reg.sock")):
        folder.mkdir()
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(folder / name))
    async with Kubelet(registry) as kubelet, asyncio.timeout(DEADLINE):
        async with plugin:
            await registered(kubelet)
            assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)
        await kubelet.deregistered(NAME)
        async with KubeletPlugin(NAME, driver, plugin_dir=tmp_path / "plugin", registry_dir=registry):
            await registered(kubelet)
            assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)


async def test_a_file_in_the_way_is_named_and_left_alone(plugin: KubeletPlugin, registry: Path, tmp_path: Path) -> None:
    registry.mkdir()
    in_the_way = registry / f"{NAME}-reg.sock"
    in_the_way.write_text("precious")
    with pytest.raises(SocketError, match="in the way and not a socket: remove it"):
        await plugin.__aenter__()
    assert in_the_way.read_text() == "precious"
    assert not (tmp_path / "plugin" / "dra.sock").exists()


async def test_long_names_are_shortened_and_too_long_folders_refused(
    driver: RecordingDriver, registry: Path, tmp_path: Path
) -> None:
    long_name = "x" * 200 + ".example.com"
    plugin = KubeletPlugin(long_name, driver, plugin_dir=tmp_path / "plugin", registry_dir=registry)
    async with plugin, Kubelet(registry) as kubelet, asyncio.timeout(DEADLINE):
        await kubelet.registered(long_name)
    with pytest.raises(SocketError, match="too long for a unix socket"):
        KubeletPlugin(NAME, driver, plugin_dir=tmp_path / ("y" * 100), registry_dir=registry)


def test_messages_on_the_wire_are_those_of_the_kubelet() -> None:
    """Field numbers are the contract: bytes written by hand, as protobuf's encoding lays them out."""
    device = dra_pb2.Device(request_names=["a"], pool_name="p", device_name="d", cdi_device_ids=["c"], share_id="s")
    assert device.SerializeToString() == b"\x0a\x01a\x12\x01p\x1a\x01d\x22\x01c\x2a\x01s"
    claim = dra_pb2.Claim(namespace="n", uid="u", name="m")
    assert claim.SerializeToString() == b"\x0a\x01n\x12\x01u\x1a\x01m"
    response = dra_pb2.NodePrepareResourcesResponse()
    response.claims["u"].error = "e"
    assert response.SerializeToString() == b"\x0a\x08\x0a\x01u\x12\x03\x12\x01e"
    assert [method.service for version in DRA_VERSIONS for method in (version.prepare, version.unprepare)] == [
        "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin",
        "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin",
        "k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin",
        "k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin",
    ]


async def test_garbage_on_the_socket_is_refused_and_service_goes_on(
    plugin: KubeletPlugin, registry: Path, tmp_path: Path
) -> None:
    async with plugin, Kubelet(registry) as kubelet:
        await registered(kubelet)
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/plugin/dra.sock") as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(f"/{DRA_VERSIONS[0].prepare.service}/NodePrepareResources")(b"\xff\xff")
        assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)
