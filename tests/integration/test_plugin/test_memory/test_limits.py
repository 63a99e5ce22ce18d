"""Memory limits by the driver: set by the hook before a container runs, and kept true while it does."""

import signal
from pathlib import Path

from hami_dra.kubeletplugin import ClaimRef
from tests.integration.test_plugin.memory import TOO_MUCH, condition, noted, on_both_backends, sample, seen, told
from tests.integration.test_plugin.node import GIB, Node, share, until
from tests.integration.test_plugin.runtime import RuntimeContainer, hooks


@on_both_backends
async def test_each_gpu_has_its_own_limit_which_no_program_gets_past(node: Node, tree: Path) -> None:
    claim = await node.claim("two", share("a", 0), share("b", 1, memory=8 * GIB))
    await node.prepared(claim)
    assert [hook.arguments for hook in hooks(node, claim)] == [
        [
            "hami-dra-oci-hook",
            *("--share", str(folder)),
            *("--nvml", str(node.machine.library_dir / "libnvidia-ml.so.1")),
            *("--enforce", "driver"),
        ]
        for folder in sorted(node.shares_dir.iterdir(), key=lambda folder: '"b"' in (folder / "share.json").read_text())
    ]
    async with RuntimeContainer(node, tree, claim) as container:
        for gpu, limit in ((0, 4 * GIB), (1, 8 * GIB)):
            assert await container.take(gpu, limit + 2**20) == TOO_MUCH
            assert await container.take(gpu, limit) == "granted"
            assert await container.take(gpu, 2**20) == TOO_MUCH
    await until(lambda: condition(node, claim) == ("True", "ByDriver"), "the claim's condition")


@on_both_backends
async def test_shares_of_one_gpu_add_up_also_those_of_other_claims(node: Node, tree: Path) -> None:
    one = await node.claim("one", share("a", 0), share("b", 0, memory=2 * GIB))
    other = await node.claim("other", share("c", 0, memory=GIB))
    for claim in (one, other):
        await node.prepared(claim)
    async with RuntimeContainer(node, tree, one, other) as container:
        assert await container.take(0, 7 * GIB) == "granted"
        assert await container.take(0, 2**20) == TOO_MUCH


@on_both_backends
async def test_limit_that_a_reset_took_away_is_set_again_and_told_of(node: Node, container: RuntimeContainer) -> None:
    gpu = node.machine.gpus[0].uuid
    await seen(node, container)
    node.machine.fault(gpu, "reset=1")
    await until(lambda: len(told(node, "MemoryLimitRepaired")) == 2, "Events on the repair")
    assert [kind for kind, _ in told(node, "MemoryLimitRepaired")] == ["ResourceClaim", "Pod"]
    assert await container.take(0, 4 * GIB + 2**20) == TOO_MUCH
    assert f'hami_dra_memory_limits_repaired_total{{gpu_uuid="{gpu}"}} 1.0' in await node.get("/metrics")


async def test_containers_of_before_are_looked_after_by_the_next_plugin(
    node: Node, container: RuntimeContainer
) -> None:
    await node.kill()
    node.machine.fault(node.machine.gpus[0].uuid, "reset=1")
    await node.start()
    await until(lambda: [len(gpu.limits) for gpu in node.machine.usage()] == [1, 0], "the limit again")
    assert await container.take(0, 4 * GIB + 2**20) == TOO_MUCH


async def test_restarted_container_is_limited_and_the_note_of_the_first_goes(
    node: Node, tree: Path, claim: ClaimRef
) -> None:
    async with RuntimeContainer(node, tree, claim) as first:
        assert noted(node) == {first.id}
    async with RuntimeContainer(node, tree, claim, pod_uid=first.pod.uid) as second:
        assert await second.take(0, 4 * GIB + 2**20) == TOO_MUCH
        await until(lambda: noted(node) == {second.id}, "the note of the container that runs alone")
    await until(lambda: noted(node) == set(), "no note")


async def test_notes_stay_where_the_tree_of_their_cgroups_is_not_seen(node: Node, tree: Path, claim: ClaimRef) -> None:
    async with RuntimeContainer(node, tree, claim) as container:
        await seen(node, container)
        node.send(signal.SIGSTOP)  # so that it ends while nobody looks
    tree.rmdir()
    node.send(signal.SIGCONT)
    await seen(node, container, False)
    await node.prepared(claim)
    assert noted(node) == {container.id}


@on_both_backends
async def test_container_whose_limit_cannot_be_had_is_reported(node: Node, tree: Path, claim: ClaimRef) -> None:
    async with RuntimeContainer(node, tree, claim) as container:
        await node.kill()
        node.machine.fault(node.machine.gpus[0].uuid, "reset=1")
        assert await container.take(0, 6 * GIB) == "granted"  # while nobody looks
        await node.start()
        await until(lambda: condition(node, claim) == ("False", "LimitMissing"), "the claim's condition")
        await until(lambda: len(told(node, "MemoryLimitMissing")) == 2, "Events")
        assert [kind for kind, _ in told(node, "MemoryLimitMissing")] == ["ResourceClaim", "Pod"]
        assert "claim one: the driver does not limit the memory of container" in told(node, "MemoryLimitMissing")[0][1]
        assert await sample(node, "share_containers_without_limit") == 1
    await until(lambda: condition(node, claim) == ("True", "ByDriver"), "the claim's condition after its end")


async def test_what_a_lost_gpu_does_not_tell_is_reported_until_it_is_back(
    node: Node, claim: ClaimRef, container: RuntimeContainer
) -> None:
    gpu = node.machine.gpus[0].uuid
    await seen(node, container)
    node.machine.fault(gpu, "lost=1")
    await until(lambda: condition(node, claim) == ("False", "LimitMissing"), "the claim's condition")
    node.machine.fault(gpu, "lost=0")
    await until(lambda: condition(node, claim) == ("True", "ByDriver"), "the claim's condition when it is back")
    assert await container.take(0, 4 * GIB + 2**20) == TOO_MUCH
