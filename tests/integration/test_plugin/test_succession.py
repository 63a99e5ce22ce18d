"""Two instances of the plugin on one node, as an update runs them, that would publish different devices."""

import asyncio

import pytest

from hami_dra.sim import create_machine, simulated_gpus
from tests.integration.test_plugin.node import DRIVER, GIB, NAME, Node, until


@pytest.fixture
def newer(idle_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Node:
    """A second instance beside the first, which sees one GPU where that sees two."""
    machine = create_machine(tmp_path_factory.mktemp("machine"), simulated_gpus(1, memory_bytes=8 * GIB))
    newer = Node(tmp_path_factory.mktemp("newer"), machine, idle_node.api, idle_node.kube, idle_node.kubelet)
    newer.plugin_dir, newer.registry_dir = idle_node.plugin_dir, idle_node.registry_dir
    for number, instance in enumerate((idle_node, newer)):
        instance.environment |= {"POD_UID": f"pod-{number}"}
    return newer


async def counts(node: Node, seen: list[int]) -> None:
    """Note how many devices each slice has that appears or changes."""
    async for event in node.kube.watch_slices(driver=DRIVER, node=NAME):
        if event.type != "DELETED":
            seen.append(len(event.object.spec.devices))


async def delete_slices(node: Node) -> None:
    for found in await node.kube.list_slices():
        await node.kube.delete_slice(found.metadata.name)


async def test_newest_instance_publishes_and_the_older_one_again_when_that_is_gone(
    idle_node: Node, newer: Node
) -> None:
    older = idle_node
    await older.start()
    await older.published("hami-gpu-0", "hami-gpu-1")
    await newer.start(instances=2)
    try:
        await newer.published("hami-gpu-0")
        seen: list[int] = []
        watching = asyncio.create_task(counts(newer, seen))
        for times in range(1, 6):
            await until(lambda times=times: len(seen) >= times, "the slice")  # type: ignore[misc]
            await delete_slices(newer)
        await newer.published("hami-gpu-0")
        watching.cancel()
        assert set(seen) == {1}
    finally:
        await newer.end()
    await delete_slices(older)
    await older.published("hami-gpu-0", "hami-gpu-1")
