"""A node on which containers run in real cgroups, and the claim that most tests need."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import ClaimRef
from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.integration.test_plugin.memory import LIMITING
from tests.integration.test_plugin.node import GIB, Node, share
from tests.integration.test_plugin.runtime import RuntimeContainer


@pytest.fixture
def driver() -> SimulatedDriver:
    return LIMITING


@pytest.fixture
def machine(tmp_path: Path, tree: Path, driver: SimulatedDriver) -> Machine:
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB), driver)


@pytest.fixture
def environment() -> dict[str, str]:
    """The plugin's options that are not as usual."""
    return {}


@pytest.fixture
async def node(idle_node: Node, environment: dict[str, str]) -> Node:
    """A node with a plugin that is registered."""
    idle_node.environment |= environment
    await idle_node.start()
    return idle_node


@pytest.fixture
async def claim(node: Node) -> ClaimRef:
    """4 GiB of the first GPU, prepared."""
    claim = await node.claim("one", share("gpu", 0))
    await node.prepared(claim)
    return claim


@pytest.fixture
async def container(node: Node, tree: Path, claim: ClaimRef) -> AsyncIterator[RuntimeContainer]:
    """A container with the claim, that runs as long as the test does."""
    async with RuntimeContainer(node, tree, claim) as running:
        yield running
