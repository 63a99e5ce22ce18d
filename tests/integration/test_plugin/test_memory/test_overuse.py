"""What gets past the limits that libvgpu.so holds alone: the driver has none, or the claim wants none of them."""

from collections import Counter
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import ClaimRef
from tests.integration.test_plugin.memory import (
    LIMITING,
    LIMITING_BY_DMEM,
    OLDER,
    condition,
    on_older_driver,
    sample,
    told,
    wants,
)
from tests.integration.test_plugin.node import GIB, Node, share, until
from tests.integration.test_plugin.runtime import RuntimeContainer
from tests.integration.test_plugin.test_permissions import EVICT

evicting = pytest.mark.parametrize("environment", [{"HAMI_DRA_ON_OVERUSE": "evict"}], ids=["evict"])


async def told_so_often(node: Node, times: int) -> None:
    """Wait for so many Events about overuse on the claim, and on its pods."""

    def is_told() -> bool:
        return Counter(kind for kind, _ in told(node, "MemoryOverused")) == {"ResourceClaim": times, "Pod": times}

    await until(is_told, f"{times} Events on claim and pods")


@pytest.mark.parametrize("driver", [OLDER, LIMITING, LIMITING_BY_DMEM], ids=["older", "misc", "dmem"])
async def test_library_alone_is_got_past_and_that_is_reported(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("gpu", 0), config=(wants("library"),))
    await node.prepared(claim)
    await until(lambda: condition(node, claim) == ("True", "ByLibrary"), "the claim's condition")
    async with RuntimeContainer(node, tree, claim) as container:
        assert await container.take(0, 6 * GIB) == "granted"
        await until(lambda: condition(node, claim) == ("False", "Overused"), "the claim's condition")
        await until(lambda: len(told(node, "MemoryOverused")) == 2, "Events")
        assert [kind for kind, _ in told(node, "MemoryOverused")] == ["ResourceClaim", "Pod"]
        assert "use 2Gi more of GPU-" in told(node, "MemoryOverused")[0][1]
        for name, value in (
            ("share_memory_overuse_bytes", 2 * GIB),
            ("share_memory_physical_bytes", 6 * GIB),
            ("share_memory_unaccounted_bytes", 6 * GIB),
            ("share_memory_enforced", 0),
        ):
            assert await sample(node, name) == value
    await until(lambda: condition(node, claim) == ("True", "ByLibrary"), "the claim's condition after its end")


@on_older_driver
async def test_overuse_that_comes_again_is_told_of_again(node: Node, tree: Path, claim: ClaimRef) -> None:
    for times in (1, 2):
        await until(lambda: condition(node, claim) == ("True", "ByLibrary"), "the claim's condition")
        async with RuntimeContainer(node, tree, claim) as container:
            assert await container.take(0, 6 * GIB) == "granted"
            await until(lambda: condition(node, claim) == ("False", "Overused"), "the claim's condition")
            await told_so_often(node, times)


@on_older_driver
@evicting
async def test_pod_that_overuses_is_evicted_where_that_is_wanted(node: Node, tree: Path, claim: ClaimRef) -> None:
    uid = node.api.pods.add("team", "pod-0")
    async with RuntimeContainer(node, tree, claim, pod_uid=uid) as container:
        assert await container.take(0, 6 * GIB) == "granted"
        await until(lambda: node.api.pods.evicted == ["team/pod-0"], "the pod's eviction")
        assert EVICT in node.api.asked
        await until(lambda: len(told(node, "MemoryOverused")) == 4, "Events on overuse and eviction")
    assert "pod pod-0 is evicted" in told(node, "MemoryOverused")[-1][1]


@on_older_driver
@evicting
async def test_eviction_that_a_disruption_budget_forbids_is_tried_again(
    node: Node, tree: Path, claim: ClaimRef
) -> None:
    node.api.pods.disruptions_allowed = False
    uid = node.api.pods.add("team", "pod-0")
    async with RuntimeContainer(node, tree, claim, pod_uid=uid) as container:
        assert await container.take(0, 6 * GIB) == "granted"
        await until(lambda: "pod pod-0 is not evicted for now" in node.log.read_text(), "word of the budget")
        node.api.pods.disruptions_allowed = True
        await until(lambda: node.api.pods.evicted == ["team/pod-0"], "the pod's eviction")
