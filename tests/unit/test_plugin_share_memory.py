"""What readings of containers say of shares."""

from pathlib import Path

import pytest

from hami_dra.gpu import Holding
from hami_dra.plugin.eviction import pod_uid
from hami_dra.plugin.share_memory import ShareMemory, assess
from hami_dra.shares import ContainerNote, MemoryEnforcement, NotedShare, Share, containers

GIB = 2**30


def noted(
    number: int, *names: str, gpu: int = 0, memory: int = 4 * GIB, by: MemoryEnforcement = "library"
) -> NotedShare:
    """A share on which the containers of these names run."""
    share = Share(
        claim_namespace="team",
        claim_name="claim",
        claim_uid="0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10",
        request="gpu",
        share_id=f"5f3f9a0c-9f0e-4a56-8b0d-7d2a4c3b1e0{number}",
        pool="node-1",
        device=f"hami-gpu-{gpu}",
        gpu_uuid=f"GPU-{gpu}",
        cores=30,
        memory=memory,
        memory_enforcement=by,
    )
    return NotedShare(share, memory, tuple(ContainerNote(name, Path(f"/cg/{name}"), 1) for name in names))


def judged(shares: list[NotedShare], **used: int | None) -> list[ShareMemory]:
    """What is found of the shares where containers use so many GiB of GPU-0."""
    among = containers(shares)
    holdings = {
        (each.container_id, each.gpu_uuid): Holding(
            each.gpu_uuid,
            str(each.cgroup),
            "not asked",
            used=None if (gib := used[each.container_id]) is None else gib * GIB,
        )
        for each in among
        if each.container_id in used
    }
    return list(assess(shares, among, holdings).values())


def overuse(shares: list[NotedShare], **used: int | None) -> list[int]:
    return [each.overuse // GIB for each in judged(shares, **used)]


def test_container_has_the_sum_of_its_shares_of_each_gpu() -> None:
    shares = [noted(0, "a"), noted(1, "a", "b", memory=8 * GIB), noted(2, "a", gpu=1, by="driver")]
    found = {(each.container_id, each.gpu_uuid): each for each in containers(shares)}
    assert {key: each.memory // GIB for key, each in found.items()} == {
        ("a", "GPU-0"): 12,
        ("b", "GPU-0"): 8,
        ("a", "GPU-1"): 4,
    }
    assert found["a", "GPU-1"].enforcement == "driver"
    assert found["a", "GPU-0"].enforcement == "library"
    assert found["a", "GPU-0"].cgroup == Path("/cg/a")


def test_driver_holds_a_container_any_of_whose_shares_wants_it() -> None:
    (container,) = containers([noted(0, "a"), noted(1, "a", by="driver")])
    assert container.enforcement == "driver"


@pytest.mark.parametrize(
    ("shares", "used", "expected"),
    [
        ([noted(0, "a")], {"a": 4}, [0]),
        ([noted(0, "a")], {"a": 6}, [2]),
        ([noted(0, "a")], {"a": None}, [0]),
        ([noted(0, "a")], {}, [0]),
        ([noted(0, "a", "b")], {"a": 3, "b": 3}, [2]),  # containers of one share have it once
        ([noted(0, "a"), noted(1, "a")], {"a": 8}, [0, 0]),  # shares of one container add up
        ([noted(0, "a"), noted(1, "a")], {"a": 9}, [1, 1]),
        ([noted(0, "a"), noted(1, "b")], {"a": 6, "b": 0}, [2, 0]),  # nobody else's free share excuses it
        ([noted(0, "a"), noted(1, "a", "b")], {"a": 1, "b": 6}, [0, 2]),  # b has but the second share
        ([noted(0, "a"), noted(1, "a", "b")], {"a": 6, "b": 4}, [2, 2]),  # each may, both together not
        ([noted(0, "a", by="driver")], {"a": 9}, [0]),  # the driver does not let it come to that
    ],
)
def test_overuse_is_what_no_share_of_the_containers_covers(
    shares: list[NotedShare], used: dict[str, int | None], expected: list[int]
) -> None:
    assert overuse(shares, **used) == expected


def test_a_few_blocks_more_are_no_overuse() -> None:
    share = noted(0, "a", memory=4 * GIB - 64 * 2**20)
    assert overuse([share], a=4) == [0]
    (judgement,) = judged([noted(0, "a", memory=4 * GIB - 65 * 2**20)], a=4)
    assert judgement.reason == "Overused"
    assert "65Mi more of GPU-0 than the 4031Mi" in judgement.message


def test_use_of_a_container_with_two_shares_is_split_by_size() -> None:
    first, second = judged([noted(0, "a", "b"), noted(1, "a", memory=8 * GIB)], a=6, b=1)
    assert (first.used, second.used) == (3 * GIB, 4 * GIB)


def test_use_is_not_known_where_that_of_a_container_is_not() -> None:
    assert [each.used for each in judged([noted(0, "a", "b")], a=6, b=None)] == [None]
    assert [each.used for each in judged([noted(0)])] == [None]


def test_share_with_a_container_that_has_no_limit_says_so() -> None:
    share = noted(0, "a" * 64, by="driver")
    holding = Holding("GPU-0", "/cg", "missing", problem="Invalid Argument")
    (judgement,) = assess([share], containers([share]), {("a" * 64, "GPU-0"): holding}).values()
    assert (judgement.reason, judgement.is_held) == ("LimitMissing", False)
    assert "container aaaaaaaaaaaa on GPU-0: Invalid Argument; libvgpu.so still does" in judgement.message


@pytest.mark.parametrize(
    "path",
    [
        "/sys/fs/cgroup/kubepods/burstable/pod0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10/1234",
        "/sys/fs/cgroup/kubepods.slice/kubepods-besteffort.slice/"
        "kubepods-besteffort-pod0b1a7d6e_3c3a_4b0e_9d55_0e5b2c1a7f10.slice/cri-containerd-1234.scope",
    ],
)
def test_pod_is_told_from_its_containers_cgroup(path: str) -> None:
    assert pod_uid(Path(path)) == "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10"


def test_cgroup_of_no_pod_has_none() -> None:
    assert pod_uid(Path("/sys/fs/cgroup/system.slice/podman.service")) is None
