"""GPUs and drivers that come, go and change while the plugin runs."""

import asyncio
import json
import os
import shutil
from pathlib import Path

import aiohttp

from hami_dra.kubeletplugin import ClaimError
from hami_dra.sim import SimulatedDriver, create_machine, write_cdi_spec
from tests.integration.test_plugin.node import GIB, Node, share, until


async def test_gpu_that_goes_is_withdrawn_and_one_that_comes_is_offered(node: Node) -> None:
    staying, losing = await node.claim("staying", share("gpu", 0)), await node.claim("losing", share("gpu", 1))
    answer = await node.prepared(staying)
    await node.prepared(losing)
    await node.published("hami-gpu-0", "hami-gpu-1")
    away = node.machine.root / "dev" / "away"
    gpu = (node.machine.root / "dev" / "nvidia1").rename(away)
    await node.published("hami-gpu-0")
    assert await node.prepared(staying) == answer
    (refusal,) = await node.prepare(losing)
    assert isinstance(refusal, ClaimError)
    assert "no device hami-gpu-1 on this node now, its GPU may have gone; there are: hami-gpu-0" in str(refusal)
    gpu.rename(node.machine.root / "dev" / "nvidia1")
    await node.published("hami-gpu-0", "hami-gpu-1")
    await node.prepared(losing)


async def test_last_gpu_gone_leaves_an_empty_pool_and_unprepare(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    await node.published("hami-gpu-0", "hami-gpu-1")
    for minor in (0, 1):
        (node.machine.root / f"dev/nvidia{minor}").unlink()
    await node.published()
    await node.unprepare(claim)
    assert node.files(claim) == []
    (refusal,) = await node.prepare(claim)
    assert isinstance(refusal, ClaimError)
    assert "there are: none" in str(refusal)
    assert "there is no GPU to share" in node.log.read_text()


async def test_driver_that_is_missing_is_told_of_by_the_hosts_path(idle_node: Node) -> None:
    node = idle_node
    shutil.rmtree(node.machine.root / "usr")
    node.environment |= {"HAMI_DRA_HOST_DRIVER_ROOT": "/opt/driver"}
    await node.start()
    await until(lambda: "there is no GPU to share" in node.log.read_text(), "word of it")
    assert f"({node.machine.root} is the host's /opt/driver); waiting for one" in node.log.read_text()


async def test_node_without_driver_waits_for_it_and_says_so_once(idle_node: Node) -> None:
    node = idle_node
    root = node.machine.root
    (node.cdi_dir / "nvidia.json").unlink()
    shutil.rmtree(root)
    await node.start()
    await until(lambda: "published 0 GPUs" in node.log.read_text(), "its first word")
    assert node.log.read_text().count(f"no libnvidia-ml.so.1 below {root}: install NVIDIA's driver") == 1
    machine = create_machine(root, node.machine.gpus)
    await until(lambda: "install the NVIDIA Container Toolkit" in node.log.read_text(), "a word on what is missing")
    write_cdi_spec(machine, node.cdi_dir)
    await node.published("hami-gpu-0", "hami-gpu-1")
    assert "Traceback" not in node.log.read_text()


async def test_new_driver_is_told_and_prepared_with(node: Node) -> None:
    await node.published("hami-gpu-0", "hami-gpu-1")
    shutil.rmtree(node.machine.root)
    newer = create_machine(node.machine.root, node.machine.gpus, SimulatedDriver(version="590.44.01"))
    write_cdi_spec(newer, node.cdi_dir)

    await until(lambda: "GPUs or driver have changed" in node.log.read_text(), "the plugin's notice")
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    mounts = [mount["containerPath"] for mount in node.spec(claim)["containerEdits"]["mounts"]]
    assert any(path.endswith("libcuda.so.590.44.01") for path in mounts)
    async with asyncio.timeout(20):
        while {device.attributes["driverVersion"].version for device in await node.offered()} != {"590.44.1"}:
            await asyncio.sleep(0.02)


async def test_gpus_without_cdi_devices_are_not_offered(idle_node: Node) -> None:
    spec = {"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": []}
    (idle_node.cdi_dir / "nvidia.json").write_text(json.dumps(spec))
    await idle_node.start()
    log = idle_node.log.read_text()
    assert f"GPU {idle_node.gpu_uuid('hami-gpu-0')} (/dev/nvidia0) has no CDI device" in log
    assert "there is no GPU to share: NVML lists no GPU on this node that can be shared" in log


async def test_preparing_asks_nobody_but_the_api_server(idle_node: Node, tmp_path: Path) -> None:
    node = idle_node
    calls = tmp_path / "calls"
    tool = tmp_path / "nvidia-ctk"
    tool.write_text(
        f"#!/bin/sh\necho called >> {calls}\nexec cat {node.cdi_dir / 'nvidia.json'}\n".replace(
            "exec cat", "exec /bin/cat"
        )
    )
    tool.chmod(0o755)
    node.environment |= {"HAMI_DRA_NVIDIA_CTK": str(tool), "HAMI_DRA_NVIDIA_CDI_HOOK": str(tool)}
    await node.start()
    for number in range(5):
        await node.prepared(await node.claim(f"claim-{number}", share("gpu", 0, cores=1, memory=GIB)))
    assert calls.read_text() == "called\n"
    (node.machine.root / "dev/nvidia1").unlink()
    await node.published("hami-gpu-0")
    assert calls.read_text() == "called\ncalled\n"


async def test_it_lives_while_gpus_take_their_time_to_answer(idle_node: Node, tmp_path: Path) -> None:
    node = idle_node
    answer, tool = tmp_path / "answer", tmp_path / "nvidia-ctk"
    os.mkfifo(answer)
    tool.write_text(f"#!/bin/sh\nexec /bin/cat {answer}\n")
    tool.chmod(0o755)
    node.environment |= {"HAMI_DRA_NVIDIA_CTK": str(tool), "HAMI_DRA_NVIDIA_CDI_HOOK": str(tool)}
    starting = asyncio.create_task(node.start())
    async with asyncio.timeout(20):
        while not await lives(node):
            await asyncio.sleep(0.02)
    assert not starting.done()
    await asyncio.to_thread(answer.write_bytes, (node.cdi_dir / "nvidia.json").read_bytes())
    await starting
    await node.published("hami-gpu-0", "hami-gpu-1")


async def lives(node: Node) -> bool:
    try:
        return await node.get("/healthz") == "ok\n"
    except aiohttp.ClientConnectionError:
        return False
