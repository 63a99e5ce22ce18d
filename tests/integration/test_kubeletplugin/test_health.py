"""The health of devices, streamed to the kubelet."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from hami_dra.kubeletplugin import DeviceHealth, HealthStatus, KubeletPlugin
from hami_dra.kubeletplugin._pb import pluginregistration_pb2
from hami_dra.kubeletplugin.rpc import GET_INFO
from hami_dra.local.kubelet import Kubelet
from tests.integration.test_kubeletplugin.driver import DEADLINE, NAME, RecordingDriver

GOOD = DeviceHealth("node", "gpu-0", HealthStatus.HEALTHY, datetime(2026, 11, 24, tzinfo=UTC))
BAD = DeviceHealth("node", "gpu-1", HealthStatus.UNHEALTHY, datetime(2026, 11, 25, tzinfo=UTC), "Xid 79", 120)
UNSURE = DeviceHealth("node", "gpu-1", HealthStatus.UNKNOWN, datetime(2026, 11, 26, tzinfo=UTC))


class Monitor:
    """Tells one report, then another when the test says so."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.watchers = 0

    async def watch(self) -> AsyncGenerator[Sequence[DeviceHealth], None]:
        self.watchers += 1
        try:
            yield [GOOD, BAD]
            await self.changed.wait()
            yield [GOOD, UNSURE]
            await asyncio.Event().wait()
        finally:
            self.watchers -= 1


@pytest.fixture
def monitor() -> Monitor:
    return Monitor()


@pytest.fixture
def plugin(driver: RecordingDriver, monitor: Monitor, plugin_dir: Path, registry: Path) -> KubeletPlugin:
    return KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry, health=monitor.watch)


async def supported_versions(registration_socket: Path) -> list[str]:
    async with grpc.aio.insecure_channel(f"unix:{registration_socket}") as channel:
        info = await GET_INFO.call(channel, pluginregistration_pb2.InfoRequest(), DEADLINE)
    return list(info.supported_versions)


@pytest.mark.parametrize("version", ["v1", "v1alpha1"])
async def test_each_report_reaches_the_kubelet_until_it_hangs_up(
    plugin: KubeletPlugin, monitor: Monitor, registry: Path, version: str
) -> None:
    versions = ["v1.DRAPlugin", f"{version}.DRAResourceHealth"]
    async with asyncio.timeout(DEADLINE), plugin, Kubelet(registry, versions=versions) as kubelet:
        await kubelet.registered(NAME)
        async with aclosing(kubelet.health(NAME)) as reports:
            assert await anext(reports) == [GOOD, BAD]
            monitor.changed.set()
            assert await anext(reports) == [GOOD, UNSURE]
            assert monitor.watchers == 1
        while monitor.watchers:
            await asyncio.sleep(0.001)


async def test_versions_are_announced_best_first_and_health_only_by_a_driver_that_has_it(
    driver: RecordingDriver, plugin: KubeletPlugin, plugin_dir: Path, registry: Path
) -> None:
    socket = registry / f"{NAME}-reg.sock"
    without = ["v1.DRAPlugin", "v1beta1.DRAPlugin"]
    async with plugin:
        assert await supported_versions(socket) == [*without, "v1.DRAResourceHealth", "v1alpha1.DRAResourceHealth"]
    async with (
        KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry),
        Kubelet(registry) as kubelet,
        asyncio.timeout(DEADLINE),
    ):
        assert await supported_versions(socket) == without
        await kubelet.registered(NAME)
        assert [report async for report in kubelet.health(NAME)] == []


async def test_leaving_ends_the_streams_at_once(
    plugin: KubeletPlugin, monitor: Monitor, registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(DEADLINE), Kubelet(registry) as kubelet:
        async with plugin:
            await kubelet.registered(NAME)
            reports = kubelet.health(NAME)
            await anext(reports)
        assert [report async for report in reports] == []
    assert monitor.watchers == 0
    assert not [record for record in caplog.records if record.exc_info]


async def test_source_that_fails_ends_the_stream_and_is_asked_again(
    driver: RecordingDriver, plugin_dir: Path, registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def watch() -> AsyncGenerator[Sequence[DeviceHealth], None]:
        yield [GOOD]
        raise OSError("NVML is gone")

    plugin = KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry, health=watch)
    async with asyncio.timeout(DEADLINE), plugin, Kubelet(registry) as kubelet:
        await kubelet.registered(NAME)
        for _ in range(2):
            reports = kubelet.health(NAME)
            assert await anext(reports) == [GOOD]
            with pytest.raises(grpc.aio.AioRpcError, match="unexpected OSError; see the driver's log"):
                await anext(reports)
    assert caplog.text.count("OSError: NVML is gone") == 2
