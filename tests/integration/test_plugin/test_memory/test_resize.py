"""`hami-dra resize` while containers run, with the library's limit and the driver's."""

import asyncio
import sys
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import ClaimRef
from hami_dra.shares import Limits
from tests.integration.test_plugin.container import Container, device_ids
from tests.integration.test_plugin.memory import TOO_MUCH, on_both_backends
from tests.integration.test_plugin.node import GIB, Node, share
from tests.integration.test_plugin.runtime import RuntimeContainer


async def resize(node: Node, share: str, memory: str, *options: str) -> tuple[int, str]:
    """The exit status of the command, and what it said."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("hami-dra"),
        *("resize", share, "--memory", memory, *options),
        *("--state-dir", node.state_dir, "--driver-root", node.machine.root),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return await process.wait(), said.decode()


def limit(node: Node, claim: ClaimRef) -> int:
    (path,) = (path for path in node.files(claim) if path.name == "limits")
    return Limits.parse(path.read_bytes()).memory


@on_both_backends
async def test_driver_and_folder_follow_down_and_up_to_the_grant(node: Node, tree: Path, claim: ClaimRef) -> None:
    async with RuntimeContainer(node, tree, claim) as container:
        status, said = await resize(node, "one/gpu", "3Gi")
        assert status == 0, said
        assert "team/one, request gpu: 3Gi of GPU-" in said
        assert "instead of 4Gi, of 4Gi that were granted" in said
        assert "held by libvgpu.so, and by the driver in 1 of its 1 containers" in said
        assert limit(node, claim) == 3 * GIB
        assert await container.take(0, 3 * GIB + 2**20) == TOO_MUCH
        assert (await resize(node, "one/gpu", "4Gi", "--namespace", "team"))[0] == 0
        assert await container.take(0, 4 * GIB) == "granted"


async def test_it_outlives_a_new_preparation_and_a_new_plugin(node: Node, claim: ClaimRef) -> None:
    assert (await resize(node, "one/gpu", "3Gi"))[0] == 0
    await node.prepared(claim)
    await node.kill()
    await node.start()
    await node.prepared(claim)
    assert limit(node, claim) == 3 * GIB
    assert 'hami_dra_share_memory_limit_bytes{claim="one"' in (await node.get("/metrics"))
    await node.unprepare(claim)
    await node.prepared(claim)
    assert limit(node, claim) == 4 * GIB


@on_both_backends
async def test_less_than_is_used_is_refused_with_the_figure(node: Node, tree: Path, claim: ClaimRef) -> None:
    async with RuntimeContainer(node, tree, claim) as container:  # whose program does not account for it
        assert await container.take(0, 2 * GIB) == "granted"
        status, said = await resize(node, "one/gpu", "1Gi")
        assert (status, limit(node, claim)) == (1, 4 * GIB)
        assert f"container {container.id[:12]} holds 2Gi of GPU-" in said
        assert "more than the 1Gi that it would have" in said
        assert await container.take(0, 2 * GIB) == "granted"
    async with Container(node, *await device_ids(node, claim)):
        status, said = await resize(node, "one/gpu", "1Gi")
        assert (status, limit(node, claim)) == (1, 4 * GIB)
        assert "the share's processes hold 4Gi, more than 1Gi" in said


@on_both_backends
async def test_container_with_two_shares_keeps_the_other(node: Node, tree: Path) -> None:
    claim = await node.claim("one", share("a", 0), share("b", 0, memory=2 * GIB))
    await node.prepared(claim)
    async with RuntimeContainer(node, tree, claim) as container:
        assert (await resize(node, "one/a", "1Gi"))[0] == 0
        assert await container.take(0, 3 * GIB + 2**20) == TOO_MUCH
        assert await container.take(0, 3 * GIB) == "granted"


@pytest.mark.parametrize(
    ("share_name", "memory", "reason"),
    [
        ("one/gpu", "5Gi", "5Gi is more than the 4Gi that the scheduler granted: for more the pod needs another claim"),
        ("one/gpu", "5000001Ki", "5000001Ki is more than the 4Gi that the scheduler granted"),
        ("one/gpu", "2G", "1953125Ki is not a whole number of Mi from 1Mi on: write 1907Mi, say"),
        ("one/gpu", "0", "0 is not a whole number of Mi from 1Mi on: write 1Mi, say"),
        ("one/gpu", "-1Gi", "-1Gi is not a whole number of Mi from 1Mi on: write 1Mi, say"),
        ("one/gpu", "six", "--memory: 'six' is not a quantity"),
        ("one/other", "3Gi", "no limited share of claim one, request other is prepared on this node: run this on"),
        (
            "team/one/gpu",
            "3Gi",
            "no limited share of claim team, request one/gpu is prepared on this node: run this on",
        ),
        ("one", "3Gi", "'one' is not CLAIM/REQUEST"),
        ("two/gpu", "3Gi", "2 shares are meant, so say which: --namespace team --share-id"),
    ],
)
async def test_what_cannot_be_done_is_said(
    node: Node, share_name: str, memory: str, reason: str, claim: ClaimRef
) -> None:
    await node.prepared(await node.claim("two", share("gpu", 0), share("gpu", 1)))
    status, said = await resize(node, share_name, memory)
    assert status == 1
    assert f"hami-dra resize: {reason}" in said
    if "no limited share" in reason:
        known = (f"{each} --namespace team" for each in ("one/gpu", "two/gpu", "two/gpu"))
        assert f"/shares has {'; '.join(known)}\n" in said
    assert limit(node, claim) == 4 * GIB


async def test_driver_that_does_not_answer_leaves_all_as_it_was(node: Node, tree: Path, claim: ClaimRef) -> None:
    async with RuntimeContainer(node, tree, claim):
        node.machine.fault(node.machine.gpus[0].uuid, "lost=1")
        status, said = await resize(node, "one/gpu", "3Gi")
        assert status == 1
        assert "the driver does not take the limit" in said
        assert limit(node, claim) == 4 * GIB
