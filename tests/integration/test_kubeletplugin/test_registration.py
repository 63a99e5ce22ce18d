"""How a driver gets known to its kubelet, and known again."""

import asyncio
import shutil
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import KubeletPlugin
from hami_dra.local.kubelet import Kubelet
from tests.integration.test_kubeletplugin.driver import DEADLINE, NAME, ONE


async def test_kubelet_takes_the_newest_version_that_both_know(plugin: KubeletPlugin, registry: Path) -> None:
    async with plugin, asyncio.timeout(DEADLINE):
        async with Kubelet(registry) as kubelet:
            assert await kubelet.registered(NAME) == "v1.DRAPlugin"
        async with Kubelet(registry, versions=["v1beta1.DRAPlugin"]) as kubelet:
            assert await kubelet.registered(NAME) == "v1beta1.DRAPlugin"


async def test_refused_registration_is_told_once_with_what_to_do_until_the_kubelet_thinks_better(
    plugin: KubeletPlugin, registry: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with plugin, asyncio.timeout(DEADLINE):
        for _ in range(2):
            async with Kubelet(registry, versions=[]) as kubelet:
                await kubelet.refused(NAME)
        assert not plugin.is_registered
        refusals = [record.getMessage() for record in caplog.records if "did not register" in record.getMessage()]
        assert len(refusals) == 1
        assert "none of ['v1.DRAPlugin', 'v1beta1.DRAPlugin'] is known to this kubelet" in refusals[0]
        assert "same path on the host" in refusals[0]
        async with Kubelet(registry) as kubelet:
            await kubelet.registered(NAME)
            assert plugin.is_registered
    assert f"the kubelet registered {NAME}" in caplog.text


async def test_kubelet_that_looks_elsewhere_is_told_of_once(
    plugin: KubeletPlugin, registry: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.kubeletplugin.plugin._LOOK", 0.02)
    monkeypatch.setattr("hami_dra.kubeletplugin.plugin._PATIENCE", 0.1)
    async with asyncio.timeout(DEADLINE), plugin:
        while f"whose registration socket is {registry / NAME}-reg.sock" not in caplog.text:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(caplog.messages) == 1
        async with Kubelet(registry) as kubelet:
            await kubelet.registered(NAME)


@pytest.mark.parametrize("lost", ["registration socket", "registry folder", "driver's socket", "every folder"])
async def test_what_is_deleted_under_it_comes_back_and_the_driver_registers_anew(
    plugin: KubeletPlugin, registry: Path, plugin_dir: Path, lost: str
) -> None:
    async with asyncio.timeout(DEADLINE), plugin:
        async with Kubelet(registry) as kubelet:
            await kubelet.registered(NAME)
        match lost:
            case "registration socket":
                (registry / f"{NAME}-reg.sock").unlink()
            case "registry folder":
                shutil.rmtree(registry)
            case "driver's socket":
                (plugin_dir / "dra.sock").unlink()
            case _:
                shutil.rmtree(registry)
                shutil.rmtree(plugin_dir)
        while not ((registry / f"{NAME}-reg.sock").exists() and (plugin_dir / "dra.sock").exists()):
            await asyncio.sleep(0.01)
        assert plugin.is_registered == (lost == "driver's socket")
        async with Kubelet(registry) as kubelet:
            await kubelet.registered(NAME)
            assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)
        assert plugin.is_registered
    assert [path for folder in (registry, plugin_dir) for path in folder.iterdir() if path.is_socket()] == []


async def test_socket_that_cannot_come_back_is_told_once_and_comes_back_when_it_can(
    plugin: KubeletPlugin, registry: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.kubeletplugin.plugin._LOOK", 0.02)
    async with asyncio.timeout(DEADLINE), plugin:
        shutil.rmtree(registry)
        registry.write_text("in the way")
        while "cannot put a socket at" not in caplog.text:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert caplog.text.count("cannot put a socket at") == 1
        registry.unlink()
        async with Kubelet(registry) as kubelet:
            await kubelet.registered(NAME)
