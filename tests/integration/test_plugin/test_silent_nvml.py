"""NVML as a whole does not answer: with a GPU that hangs it does not start."""

import asyncio
import re

import pytest

from tests.integration.test_plugin.node import Node, share, until
from tests.integration.test_plugin.test_health import told


@pytest.fixture
def impatient(idle_node: Node) -> Node:
    """A node whose plugin gives up on NVML after seconds, and has not been started."""
    idle_node.program = "tests.integration.test_plugin.impatient"
    return idle_node


async def silent_seconds(node: Node) -> float:
    (line,) = (each for each in (await node.get("/metrics")).splitlines() if each.startswith("hami_dra_nvml_silent"))
    return float(line.split()[-1])


async def test_silence_is_told_with_its_beginning_and_its_end(impatient: Node) -> None:
    node = impatient
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    await node.start()
    assert "NVML has not answered for 1 s: until it does, claims are refused" in node.log.read_text()
    await until(lambda: told(node, "NvmlSilent") != [], "an Event on the silence")
    (message,) = told(node, "NvmlSilent")
    assert re.match(r"NVML has not answered since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, as where a GPU hangs: ", message)
    assert node.log.read_text().count(message) == 1
    lasted = await silent_seconds(node)
    assert lasted > 5  # what the plugin waits at least
    node.machine.fault(node.machine.gpus[0].uuid, "hung=0")
    await until(lambda: told(node, "NvmlAnswers") != [], "an Event on its end")
    assert len(told(node, "NvmlSilent")) == 1
    async with asyncio.timeout(20):
        while await silent_seconds(node) >= lasted:
            await asyncio.sleep(0.02)
    await node.published("hami-gpu-0", "hami-gpu-1")


async def test_gpus_that_are_known_stay_while_nvml_does_not_say_what_has_become_of_them(impatient: Node) -> None:
    node = impatient
    await node.start()
    await node.published("hami-gpu-0", "hami-gpu-1")
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    (node.cdi_dir / "other-vendor.json").write_text("{}")  # news, on which NVML is asked anew
    await until(lambda: "NVML does not say which GPUs there are" in node.log.read_text(), "word of it")
    await node.prepared(await node.claim("well", share("gpu", 1)))
    assert [device.name for device in await node.offered()] == ["hami-gpu-0", "hami-gpu-1"]
    (node.machine.root / "dev/nvidia1").unlink()
    node.machine.fault(node.machine.gpus[0].uuid, "hung=0")
    await node.published("hami-gpu-0")


async def test_gpus_that_an_earlier_plugin_published_are_withdrawn_where_none_answers(impatient: Node) -> None:
    """They cannot be prepared, so that pods had better go to other nodes."""
    node = impatient
    await node.start()
    await node.published("hami-gpu-0", "hami-gpu-1")
    await node.kill()
    node.machine.fault(node.machine.gpus[0].uuid, "hung=1")
    await node.start()
    await node.published()
    (refusal,) = await node.prepare(await node.claim("late", share("gpu", 1)))
    assert "NVML has not answered since this node's plugin started" in str(refusal)
    node.machine.fault(node.machine.gpus[0].uuid, "hung=0")
    await node.published("hami-gpu-0", "hami-gpu-1")
