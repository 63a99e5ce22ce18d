"""A machine of 300 GPUs, more than a slice holds, whose scheduler never takes a part of them for all."""

import asyncio
from pathlib import Path

import pytest

from hami_dra.kube import Device
from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.integration.pools import note_complete_pools
from tests.integration.test_plugin.node import DRIVER, NAME, Node, share, until

ALL = {f"hami-gpu-{minor}" for minor in range(300)}
REST = {f"hami-gpu-{minor}" for minor in range(0, 300, 7)}
"""Of every slice some, so that a pool without any one slice lacks some of them."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "machine", simulated_gpus(300))


async def test_300_gpus_come_change_and_go_without_a_pool_that_lacks_some(idle_node: Node) -> None:
    node = idle_node
    seen: list[dict[str, Device]] = []
    scheduler = asyncio.create_task(note_complete_pools(node.kube, DRIVER, NAME, seen))
    await node.start()
    await _until_the_pool_is(seen, ALL)
    assert len(await node.kube.list_slices(driver=DRIVER, node=NAME)) == 5
    assert [set(pool) for pool in seen] == [ALL]

    node.machine.fault(node.machine.gpus[150].uuid, "lost=1")
    await until(lambda: bool(seen[-1]["hami-gpu-150"].taints), "a taint")
    node.machine.fault(node.machine.gpus[150].uuid, "lost=0")
    await until(lambda: not seen[-1]["hami-gpu-150"].taints, "no taint")
    assert all(set(pool) == ALL for pool in seen)
    await node.prepared(await node.claim("single", share("gpu", 299)))

    for name in ALL - REST:
        (node.machine.root / "dev" / name.replace("hami-gpu-", "nvidia")).unlink()
    await _until_the_pool_is(seen, REST)
    sizes = [len(pool) for pool in seen]
    assert sizes == sorted(sizes, reverse=True)
    assert all(set(pool) >= REST for pool in seen)  # it may look while they go
    scheduler.cancel()


async def _until_the_pool_is(seen: list[dict[str, Device]], names: set[str]) -> None:
    await until(lambda: bool(seen) and set(seen[-1]) == names, f"{len(names)} devices")
