"""The article's demo on a real cluster: what is granted is what a pod sees, and all that it gets."""

import pytest

from deploy.image.build import REPOSITORY
from tests.e2e.driver import MIB, Driver
from tests.e2e.memory import allocate, granted, memory_seen
from tests.e2e.objects import claim, pod, template
from tests.e2e.workspace import Workspace

EXAMPLE = REPOSITORY / "examples" / "first-light"


def test_gpus_are_published_as_shareable_devices(driver: Driver) -> None:
    gpus = driver.gpus()
    assert sorted(gpus) == ["hami-gpu-0", "hami-gpu-1"]
    for gpu in gpus.values():
        assert gpu["allowMultipleAllocations"]
        assert gpu["capacity"]["cores"]["value"] == "100"
        assert gpu["capacity"]["memory"]["value"] == "16Gi"


def test_the_article(workspace: Workspace, driver: Driver) -> None:
    workspace.apply(EXAMPLE / "claims.yaml")
    # With 30 % of the first GPU taken, the 60 % of pod-1's second request fit on the other one only.
    for name in ("pod-0", "pod-1", "pod-tpl-0"):
        workspace.apply(EXAMPLE / f"{name}.yaml")
        workspace.wait_until_ready(name)
    assert memory_seen(workspace, "pod-0") == granted(driver, workspace.claim("single-gpu-0"))
    seen = memory_seen(workspace, "pod-1", gpus=2)
    assert seen == granted(driver, workspace.claim("double-gpu-0"))
    assert sorted(seen.values()) == [4096, 8192]
    assert memory_seen(workspace, "pod-tpl-0") == granted(driver, workspace.claim_of("pod-tpl-0"))


@pytest.mark.parametrize("memory", [("4Gi", "8Gi"), ("8Gi", "4Gi")])
def test_two_gpus_in_either_order(workspace: Workspace, driver: Driver, memory: tuple[str, str]) -> None:
    requests = {name: {"cores": 30, "memory": size} for name, size in zip(("first", "second"), memory, strict=True)}
    workspace.create(claim("two-gpus", requests, different_gpus=True), pod("user", "--stay", "show", claim="two-gpus"))
    workspace.wait_until_ready("user")
    limits = granted(driver, workspace.claim("two-gpus"))
    assert memory_seen(workspace, "user", gpus=2) == limits
    assert sorted(limits.values()) == [4096, 8192]
    for gpu, limit in limits.items():
        assert allocate(workspace, "user", gpu, limit) == "CUDA_SUCCESS"
        assert allocate(workspace, "user", gpu, limit + 1) == "CUDA_ERROR_OUT_OF_MEMORY"


def test_two_shares_of_one_gpu_add_up(workspace: Workspace, driver: Driver) -> None:
    workspace.create(
        claim("one-gpu-twice", {"a": {"cores": 30, "memory": "4Gi"}, "b": {"cores": 60, "memory": "8Gi"}}),
        pod("user", "--stay", "show", claim="one-gpu-twice"),
    )
    workspace.wait_until_ready("user")
    ((gpu, limit),) = granted(driver, workspace.claim("one-gpu-twice")).items()
    assert limit == 12288
    assert memory_seen(workspace, "user") == {gpu: 12288}
    assert allocate(workspace, "user", gpu, 12288) == "CUDA_SUCCESS"
    assert allocate(workspace, "user", gpu, 12289) == "CUDA_ERROR_OUT_OF_MEMORY"


def test_pods_share_gpus_until_they_are_full(workspace: Workspace, driver: Driver) -> None:
    workspace.create(template("half", {"gpu": {"cores": 50, "memory": "8Gi"}}))
    tenants = [f"tenant-{number}" for number in range(4)]
    for name in tenants:
        workspace.create(pod(name, "--stay", "allocate", "1024", template="half"))
    workspace.wait_until_ready(*tenants)
    for name in tenants:
        assert workspace.said(name)[0]["result"] == "CUDA_SUCCESS"

    held = {f"{workspace.claim_of(name)['metadata']['name']}/gpu" for name in tenants}
    assert driver.metric("hami_dra_share_memory_granted_bytes") == dict.fromkeys(held, 8192 * MIB)
    assert driver.metric("hami_dra_share_memory_used_bytes") == dict.fromkeys(held, 1024 * MIB)

    workspace.create(pod("late", "--stay", "show", template="half"))
    workspace.wait_until_unschedulable("late")
    workspace.delete_pods(tenants[0])
    workspace.wait_until_ready("late")
    assert list(memory_seen(workspace, "late").values()) == [8192]


def test_nothing_is_left_when_a_pod_is_gone(workspace: Workspace, driver: Driver) -> None:
    workspace.create(
        template("one", {"gpu": {"memory": "1Gi"}}), pod("user", "--stay", "allocate", "512", template="one")
    )
    workspace.wait_until_ready("user")
    workspace.said("user")
    uid = workspace.claim_of("user")["metadata"]["uid"]
    left = driver.leftovers()
    assert any(uid in line and "cdi" in line for line in left), left
    assert any(uid in line and "shares" in line for line in left), left
    assert any(f"{512 * MIB} bytes" in line for line in left), left
    workspace.delete_pods("user")
    driver.wait_for_nothing_left()
    assert driver.metric("hami_dra_share_memory_granted_bytes") == {}
