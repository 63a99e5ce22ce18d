"""What the kubelet asks for claims, and what becomes of it."""

import asyncio
import logging
import re
from pathlib import Path

import grpc
import pytest

from hami_dra.kubeletplugin import ClaimRef, KubeletPlugin, PreparedDevice
from hami_dra.kubeletplugin._pb import dra_pb2
from hami_dra.kubeletplugin.rpc import DRA_VERSIONS
from hami_dra.local.kubelet import Kubelet
from tests.integration.test_kubeletplugin.driver import BAD, BROKEN, DEADLINE, NAME, ODD, ONE, TWO, RecordingDriver


async def registered(kubelet: Kubelet) -> str:
    async with asyncio.timeout(DEADLINE):
        return await kubelet.registered(NAME)


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
    plugin: KubeletPlugin, driver: RecordingDriver, registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nameless = ClaimRef("ns", "", "uid-nameless")
    path = ClaimRef("ns", "path", "../../etc/passwd")
    async with plugin, Kubelet(registry) as kubelet:
        await registered(kubelet)
        prepared = await kubelet.prepare(NAME, [BAD, ONE, BROKEN, nameless, path, ODD])
        unprepared = await kubelet.unprepare(NAME, [BAD, ONE])
    assert str(prepared[BAD.uid]) == "the claim is not allocated: wait"
    assert str(prepared[BROKEN.uid]) == "unexpected ZeroDivisionError: a bug; see the driver's log"
    for named_badly in (nameless, path):
        assert "named a claim incompletely or as none can be named" in str(prepared[named_badly.uid])
    assert str(prepared[ODD.uid]) == "cannot write ?"
    assert isinstance(prepared[ONE.uid], tuple)
    assert str(unprepared[BAD.uid]) == "busy"
    assert unprepared[ONE.uid] is None
    assert not any("path" in entry for entry in driver.log)
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


async def test_work_that_does_not_end_is_given_up_with_the_callers_deadline_and_leaves_no_lock(
    plugin: KubeletPlugin, driver: RecordingDriver, registry: Path
) -> None:
    driver.gate.clear()
    # A twentieth of it is left for the answer, which takes its time on a busy machine.
    async with plugin, Kubelet(registry, call_seconds=4) as kubelet:
        await registered(kubelet)
        holder = asyncio.create_task(kubelet.prepare(NAME, [ONE]))
        await driver.began("prepare one begins")
        waiter = asyncio.create_task(kubelet.unprepare(NAME, [ONE]))
        (given_up,) = (await holder).values()
        assert re.search(r"not done in 3\.\d s and given up; the kubelet tries again", str(given_up))
        assert "prepare one is cancelled" in driver.log
        await waiter
        driver.gate.set()
        assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)


async def test_caller_without_deadline_gets_the_kubelets(
    plugin: KubeletPlugin, driver: RecordingDriver, plugin_dir: Path
) -> None:
    async with plugin, grpc.aio.insecure_channel(f"unix:{plugin_dir}/dra.sock") as channel:
        prepare = DRA_VERSIONS[0].prepare
        call = channel.unary_unary(prepare.path, response_deserializer=prepare.response.FromString)
        claims = [dra_pb2.Claim(namespace=ONE.namespace, name=ONE.name, uid=ONE.uid)]
        response = await call(prepare.request(claims=claims).SerializeToString())
    assert len(response.claims[ONE.uid].devices) == 1


async def test_leaving_lets_running_calls_finish_and_removes_the_sockets(
    plugin: KubeletPlugin, driver: RecordingDriver, registry: Path, folder: Path
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
    assert [path for path in folder.rglob("*") if path.is_socket()] == []
