from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hami_dra.kube import KubeClient
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.kubelet import Kubelet
from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.integration.test_plugin.node import GIB, NAME, Node
from tests.native.sim.cgroups import cgroup


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A simulated machine with two GPUs of 16 GiB, which the test may break."""
    return create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB))


@pytest.fixture
def tree() -> Iterator[Path]:
    """A cgroup in which a kubelet would have those of its pods."""
    with cgroup() as made:
        yield made


@pytest.fixture
async def idle_node(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> AsyncIterator[Node]:
    """A node on which the plugin has not been started."""
    # Short, whatever the test's name: sockets lie in it.
    folder = tmp_path_factory.mktemp("node")
    registry = folder / "registry"
    registry.mkdir()
    async with ApiServer() as api, KubeClient.from_url(api.url) as kube, Kubelet(registry) as kubelet:
        api.add_node(NAME)
        node = Node(folder, machine, api, kube, kubelet)
        try:
            yield node
        finally:
            await node.end()


@pytest.fixture
async def node(idle_node: Node) -> Node:
    """A node with a plugin that is registered."""
    await idle_node.start()
    return idle_node
