"""Who holds limits is what node and claim want, and a claim is refused that wants what cannot be had."""

import pytest

from hami_dra.kubeletplugin import ClaimError
from tests.integration.test_plugin.memory import on_older_driver, told, wants
from tests.integration.test_plugin.node import Node, share, until
from tests.integration.test_plugin.runtime import hooks


@on_older_driver
async def test_driver_that_is_required_and_cannot_be_had_refuses_the_claim(node: Node) -> None:
    claim = await node.claim("one", share("a", 0), config=(wants("driver"),))
    (answer,) = await node.prepare(claim)
    assert isinstance(answer, ClaimError)
    assert "parameters say memoryEnforcement driver: this driver knows no memory limits" in str(answer)
    assert 'attributes["hami-core-gpu.project-hami.io"].memoryEnforcement == "driver"' in str(answer)
    await until(lambda: told(node, "ShareRefused") == [("ResourceClaim", f"claim one: {answer}")], "an Event")
    assert node.files(claim) == []
    await node.published("hami-gpu-0", "hami-gpu-1")
    assert [device.attributes["memoryEnforcement"].string for device in await node.offered()] == ["library"] * 2


@pytest.mark.parametrize("environment", [{"HAMI_DRA_MEMORY_ENFORCEMENT": "library"}], ids=["library"])
async def test_node_and_claim_say_who_holds_limits(node: Node) -> None:
    plain = await node.claim("plain", share("a", 0))
    await node.prepared(plain)
    assert [hook.arguments[-1] for hook in hooks(node, plain)] == ["library"]
    (answer,) = await node.prepare(await node.claim("strict", share("a", 0), config=(wants("driver"),)))
    assert "started with --memory-enforcement=library" in str(answer)
    await node.stop()
    node.environment |= {"HAMI_DRA_MEMORY_ENFORCEMENT": "driver"}
    await node.start()
    await node.prepared(plain)
    assert [hook.arguments[-1] for hook in hooks(node, plain)] == ["driver"]
    (answer,) = await node.prepare(await node.claim("lax", share("a", 0), config=(wants("library"),)))
    assert "this node requires driver" in str(answer)
