"""The sockets' files: what a killed process left, what is in the way, what is too long."""

import asyncio
import socket
from pathlib import Path
from uuid import uuid4

import pytest

from hami_dra.kubeletplugin import KubeletPlugin, SocketError
from hami_dra.local.kubelet import Kubelet
from tests.integration.test_kubeletplugin.driver import DEADLINE, NAME, ONE, RecordingDriver


def leave(path: Path) -> None:
    """Leave a socket as a killed process does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))


def names(*folders: Path) -> list[str]:
    return sorted(path.name for folder in folders for path in folder.iterdir() if path.is_socket())


async def test_restart_after_kill_replaces_stale_sockets_and_registers_anew(
    driver: RecordingDriver, plugin: KubeletPlugin, registry: Path, plugin_dir: Path
) -> None:
    leave(plugin_dir / "dra.sock")
    leave(plugin_dir / ".dra.sock")
    leave(registry / f"{NAME}-reg.sock")
    async with Kubelet(registry) as kubelet, asyncio.timeout(DEADLINE):
        async with plugin:
            await kubelet.registered(NAME)
            assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)
            assert names(plugin_dir, registry) == ["dra.sock", f"{NAME}-reg.sock"]
        await kubelet.deregistered(NAME)
        async with KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry):
            await kubelet.registered(NAME)
            assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)
    assert names(plugin_dir, registry) == []


async def test_sockets_of_killed_instances_go_and_those_of_others_stay(
    driver: RecordingDriver, registry: Path, plugin_dir: Path
) -> None:
    killed = uuid4()
    for path in (plugin_dir / f"dra-{killed}.sock", registry / f"{NAME}-{killed}-reg.sock", plugin_dir / "dra.sock"):
        leave(path)
        leave(path.with_name(f".{path.name}"))
    leave(registry / "nic.example.com-reg.sock")
    with socket.socket(socket.AF_UNIX) as alive:
        older = uuid4()
        alive.bind(str(plugin_dir / f"dra-{older}.sock"))
        alive.listen()
        uid = str(uuid4())
        async with KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry, pod_uid=uid):
            assert names(plugin_dir) == sorted([f"dra-{older}.sock", f"dra-{uid}.sock"])
            assert names(registry) == [f"{NAME}-{uid}-reg.sock", "nic.example.com-reg.sock"]
    assert names(plugin_dir, registry) == [f"dra-{older}.sock", "nic.example.com-reg.sock"]


@pytest.mark.parametrize("is_folder", [False, True])
async def test_what_is_in_the_way_is_named_and_left_alone(
    plugin: KubeletPlugin, registry: Path, plugin_dir: Path, is_folder: bool
) -> None:
    in_the_way = registry / f"{NAME}-reg.sock"
    if is_folder:
        in_the_way.mkdir(parents=True)
    else:
        registry.mkdir()
        in_the_way.write_text("precious")
    with pytest.raises(SocketError, match=f"{in_the_way}: what lies there is not a socket: remove it"):
        await plugin.__aenter__()
    assert is_folder or in_the_way.read_text() == "precious"
    assert names(plugin_dir, registry) == []


async def test_long_names_are_shortened_and_too_long_folders_refused(
    driver: RecordingDriver, registry: Path, plugin_dir: Path, folder: Path
) -> None:
    long_name = "x" * 200 + ".example.com"
    async with Kubelet(registry) as kubelet, asyncio.timeout(DEADLINE):
        for uid in (None, str(uuid4())):
            plugin = KubeletPlugin(long_name, driver, plugin_dir=plugin_dir, registry_dir=registry, pod_uid=uid)
            async with plugin:
                await kubelet.registered(long_name)
            await kubelet.deregistered(long_name)
    with pytest.raises(SocketError, match="too long for a unix socket"):
        KubeletPlugin(NAME, driver, plugin_dir=folder / ("y" * 100), registry_dir=registry)


async def test_second_process_without_pod_uid_takes_over_and_the_first_says_so_and_leaves_its_socket_alone(
    driver: RecordingDriver,
    plugin: KubeletPlugin,
    registry: Path,
    plugin_dir: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hami_dra.kubeletplugin.plugin._LOOK", 0.02)
    second = KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry)
    async with asyncio.timeout(DEADLINE), Kubelet(registry) as kubelet:
        await plugin.__aenter__()
        await kubelet.registered(NAME)
        async with second:
            while caplog.text.count("another process has put a socket at") < 2:
                await asyncio.sleep(0.01)
            await plugin.__aexit__()
            assert names(plugin_dir, registry) == ["dra.sock", f"{NAME}-reg.sock"]
            while not second.is_registered:
                await asyncio.sleep(0.01)
            await kubelet.registered(NAME)
            assert isinstance((await kubelet.prepare(NAME, [ONE]))[ONE.uid], tuple)
    assert caplog.text.count("another process has put a socket at") == 2
    assert names(plugin_dir, registry) == []
