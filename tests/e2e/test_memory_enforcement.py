"""Memory limits against a program that means to get around them, with a driver that holds limits and an older one."""

import json
import platform
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from deploy.image.build import REPOSITORY
from hami_dra.sim import Machine
from tests.e2e.client import HOSTILE_PROGRAMS
from tests.e2e.cluster import Failed, LocalCluster, wait_for
from tests.e2e.clusters import (
    GATE,
    LIMITING_DRIVER,
    OLDER_DRIVER,
    gpu_machine,
    installed_driver,
    local_cluster,
)
from tests.e2e.driver import DRIVER, MIB, Driver
from tests.e2e.memory import granted, memory_seen
from tests.e2e.objects import Object, bare_pod, claim, container, pod, pod_claim, template
from tests.e2e.workspace import Workspace

EXAMPLE = REPOSITORY / "examples" / "limits-by-the-driver"
LIBCUDA = f"/usr/lib/{platform.machine()}-linux-gnu/libcuda.so.1"
HOSTILE = {
    "by-hand": (f"{HOSTILE_PROGRAMS}/take", "by-hand", LIBCUDA),
    "dlmopen": (f"{HOSTILE_PROGRAMS}/take", "dlmopen", LIBCUDA),
    "own-loader": (f"{HOSTILE_PROGRAMS}/own_loader", f"{HOSTILE_PROGRAMS}/take", "plain", LIBCUDA),
}
"""Commands that take all memory that the driver gives, and how they get around libvgpu.so: tests/native/hostile."""
WHOLE = 16 * 1024  # MiB of each GPU
TOLD_WITHIN = timedelta(seconds=10)
FOUR_AND_EIGHT = {"small": {"cores": 30, "memory": "4Gi"}, "large": {"cores": 60, "memory": "8Gi"}}
UNLIMITED = {
    **{f"CUDA_DEVICE_MEMORY_LIMIT{suffix}": "0" for suffix in ("", "_0", "_1")},
    **{f"CUDA_DEVICE_SM_LIMIT{suffix}": "100" for suffix in ("", "_0", "_1")},
    "CUDA_DEVICE_MEMORY_SHARED_CACHE": "/tmp/other",
    "CUDA_DISABLE_CONTROL": "true",
    "GPU_CORE_UTILIZATION_POLICY": "DISABLE",
    "NVIDIA_GPU_MEMORY_LIMIT": "16384",
    "NVIDIA_GPU_MEMORY_REQUEST": "16384",
    "NVIDIA_VISIBLE_DEVICES": "all",
    "LD_PRELOAD": "",
}

# What env(1) does, which the image does not have: the first argument is a dictionary.
ENV = "import json, os, sys; os.execve(sys.argv[2], sys.argv[2:], os.environ | json.loads(sys.argv[1]))"


@pytest.fixture(scope="module", params=[LIMITING_DRIVER, OLDER_DRIVER])
def cluster(
    request: pytest.FixtureRequest, images: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    """A cluster whose GPUs have this driver."""
    with local_cluster(tmp_path_factory.mktemp("c"), images, {GATE: True}, driver_version=request.param) as started:
        yield started


@pytest.fixture(scope="module")
def driver(cluster: LocalCluster) -> Iterator[Driver]:
    with installed_driver(cluster) as installed:
        wait_for("the GPUs in ResourceSlices", installed.gpus, 30, installed.report)
        yield installed


@pytest.fixture
def machine(cluster: LocalCluster) -> Machine:
    return gpu_machine(cluster)


def with_driver(*versions: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cluster", versions, indirect=True)


def hostile_take(
    workspace: Workspace,
    name: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    container: str = "main",
    way: str = "own-loader",
) -> dict[str, int]:
    """MiB of each GPU that a hostile program gets in a pod."""
    return taken(run_with(workspace, name, environment, *HOSTILE[way], container=container))


def run_with(
    workspace: Workspace, name: str, environment: Mapping[str, str], *command: str, container: str = "main"
) -> str:
    """What a command says that is run in a pod with these variables beside the container's."""
    whole = ("python3", "-c", ENV, json.dumps(dict(environment)), *command)
    return workspace.kubectl("exec", name, f"--container={container}", "--", *whole)


def taken(said: str) -> dict[str, int]:
    """MiB of each GPU, from what a hostile program said."""
    rows = (line.split() for line in said.splitlines())
    return {gpu: int(size) // MIB for gpu, size, _total in rows}


def hostile_pod(name: str, claim_name: str, **spec: Any) -> Object:
    """A pod that is a hostile program, which holds what it got until its standard input ends."""
    main = container("main", **spec) | {"command": list(HOSTILE["own-loader"]), "stdin": True}
    return bare_pod(name, [main], resourceClaims=[pod_claim("gpu", claim=claim_name)])


def memory_condition(workspace: Workspace, claim_name: str) -> Object:
    """The first share's condition on memory, empty as long as there is none."""
    devices = workspace.claim(claim_name)["status"].get("devices", [])
    conditions = (each for device in devices for each in device.get("conditions", []))
    return next((each for each in conditions if each["type"] == "MemoryLimited"), {})


def condition(workspace: Workspace, claim_name: str) -> tuple[str, str]:
    """Its status and reason."""
    found = memory_condition(workspace, claim_name)
    return found.get("status", ""), found.get("reason", "")


def parameters(enforcement: str) -> Object:
    said = {
        "apiVersion": "hami.project-hami.io/v1alpha1",
        "kind": "ShareConfig",
        "memoryEnforcement": enforcement,
    }
    return {"opaque": {"driver": DRIVER, "parameters": said}}


@with_driver(LIMITING_DRIVER)
def test_each_gpu_gives_its_own_limit_and_no_more(workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("two", FOUR_AND_EIGHT, different_gpus=True), pod("user", "--stay", "show", claim="two"))
    workspace.wait_until_ready("user")
    limits = granted(driver, workspace.claim("two"))
    assert sorted(limits.values()) == [4096, 8192]
    assert memory_seen(workspace, "user", gpus=2) == limits
    for way in HOSTILE:
        assert hostile_take(workspace, "user", way=way) == limits
        assert hostile_take(workspace, "user", UNLIMITED, way=way) == limits
    honest = run_with(workspace, "user", UNLIMITED, "/usr/bin/gpu-client", "show")
    assert {each["gpu"]: each["cuda"]["total"] for each in map(json.loads, honest.splitlines())} == {
        gpu: f"{limit} MiB" for gpu, limit in limits.items()
    }
    wait_for("the condition", lambda: condition(workspace, "two") == ("True", "ByDriver"), 30, workspace.report)


@with_driver(LIMITING_DRIVER)
def test_shares_of_one_gpu_add_up(workspace: Workspace, driver: Driver) -> None:
    workspace.create(
        claim("twice", {"a": {"cores": 30, "memory": "4Gi"}, "b": {"cores": 60, "memory": "8Gi"}}),
        bare_pod(
            "user",
            [container("both", "--stay", "show"), container("one", "--stay", "show", claims=["gpu/a"])],
            resourceClaims=[pod_claim("gpu", claim="twice")],
        ),
    )
    workspace.wait_until_ready("user")
    ((gpu, limit),) = granted(driver, workspace.claim("twice")).items()
    assert limit == 12288
    assert hostile_take(workspace, "user", container="both") == {gpu: 12288}
    assert hostile_take(workspace, "user", container="one") == {gpu: 4096}


@with_driver(LIMITING_DRIVER)
def test_limited_again_whatever_restarts(
    cluster: LocalCluster, workspace: Workspace, driver: Driver, machine: Machine
) -> None:
    workspace.create(
        claim("two", FOUR_AND_EIGHT, different_gpus=True),
        pod("user", "--stay", "show", claim="two", restartPolicy="Always"),
    )
    workspace.wait_until_ready("user")
    limits = granted(driver, workspace.claim("two"))

    def is_limited() -> bool:
        return [len(gpu.limits) for gpu in machine.usage()] == [1, 1]

    workspace.kubectl("exec", "user", "--", "python3", "-c", "import os; os.kill(1, 15)")  # container restart
    wait_for("another container", lambda: workspace.restarts("user") == 1, 60, workspace.report)
    workspace.wait_until_ready("user")
    assert hostile_take(workspace, "user") == limits

    assert driver.kill() == 1
    for gpu in limits:
        machine.fault(gpu, "reset=1")  # while nobody looks
    driver.wait_until_ready()
    wait_for("the limits after reset and plugin restart", is_limited, 60, driver.report)
    assert hostile_take(workspace, "user") == limits

    for gpu in limits:
        machine.fault(gpu, "reset=1")
    wait_for("the limits after a reset", is_limited, 30, driver.report)
    assert hostile_take(workspace, "user") == limits
    wait_for("an Event", lambda: len(workspace.events("MemoryLimitRepaired")) >= 2, 30, workspace.report)

    cluster.down()
    cluster.up({GATE: True})
    wait_for("the pod after the power loss", lambda: workspace.restarts("user") == 2, 120, workspace.report)
    workspace.wait_until_ready("user")
    assert hostile_take(workspace, "user") == limits


@with_driver(LIMITING_DRIVER)
def test_resize_on_the_node(workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("one", {"gpu": {"memory": "4Gi", "cores": 30}}), pod("user", "--stay", "show", claim="one"))
    workspace.wait_until_ready("user")
    ((gpu, _),) = granted(driver, workspace.claim("one")).items()
    place = f"--namespace={workspace.namespace}"
    assert "by the driver in 1 of its 1 containers" in driver.run(
        "hami-dra", "resize", "one/gpu", "--memory=3Gi", place
    )
    assert hostile_take(workspace, "user") == {gpu: 3072}
    (shown,) = workspace.ask("user", "show")
    assert shown["cuda"]["total"] == "3072 MiB"


@with_driver(LIMITING_DRIVER)
def test_the_example_runs_on_a_node_whose_driver_holds_limits(workspace: Workspace, driver: Driver) -> None:
    workspace.apply(EXAMPLE / "claim.yaml")
    workspace.apply(EXAMPLE / "pod.yaml")
    workspace.wait_until_ready("walled")
    wait_for("the condition", lambda: condition(workspace, "walled") == ("True", "ByDriver"), 30, workspace.report)


@with_driver(LIMITING_DRIVER)
def test_the_examples_policy_lets_no_claim_ask_for_less(cluster: LocalCluster, workspace: Workspace) -> None:
    cluster.kubectl("label", "namespace", workspace.namespace, "gpu-memory-limits=by-the-driver")
    workspace.apply(EXAMPLE / "policy.yaml")
    gpu = {"gpu": {"memory": "4Gi", "cores": 30}}

    def refusal() -> str:
        """What is said to a claim that wants less; a policy takes a moment to be heeded."""
        lax = claim(f"lax-{secrets.token_hex(4)}", gpu)
        lax["spec"]["devices"]["config"] = [parameters("library")]
        try:
            workspace.create(lax)
        except Failed as failed:
            return str(failed)
        return ""

    assert "memoryEnforcement must be driver" in wait_for("a refusal", refusal, 30)
    of_template = template("lax", gpu)
    of_template["spec"]["spec"]["devices"]["config"] = [parameters("library")]
    with pytest.raises(Failed, match="memoryEnforcement must be driver"):
        workspace.create(of_template)
    strict = claim("strict", gpu)
    strict["spec"]["devices"]["config"] = [parameters("driver")]
    workspace.create(strict, claim("plain", gpu))
    cluster.kubectl("delete", "--filename=-", stdin=(EXAMPLE / "policy.yaml").read_text())


def told_after(workspace: Workspace, claim_name: str, thief: str) -> list[timedelta]:
    """How long after the thief said what it had taken there were the Events and the condition on its claim.

    Kubernetes keeps their whole seconds, so each may be a second later than it says.
    """
    (said,) = workspace.kubectl("logs", thief, "--timestamps").splitlines()
    events = workspace.get("events", "--field-selector=reason=MemoryOverused")["items"]
    times = [each["metadata"]["creationTimestamp"] for each in events]
    times.append(memory_condition(workspace, claim_name)["lastTransitionTime"])
    taken_at = datetime.fromisoformat(said.split()[0])
    return [datetime.fromisoformat(each) + timedelta(seconds=1) - taken_at for each in times]


@with_driver(OLDER_DRIVER)
def test_library_alone_is_got_past_and_that_is_told(workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("one", {"gpu": {"memory": "4Gi", "cores": 30}}), hostile_pod("thief", "one"))
    workspace.wait_until_ready("thief")
    ((gpu, _),) = granted(driver, workspace.claim("one")).items()
    wait_for("the theft", lambda: taken(workspace.kubectl("logs", "thief")) == {gpu: WHOLE}, 30, workspace.report)
    wait_for("Events", lambda: len(workspace.events("MemoryOverused")) == 2, 30, driver.report)
    assert all("use 12Gi more of GPU-" in message for message in workspace.events("MemoryOverused"))
    wait_for("the condition", lambda: condition(workspace, "one") == ("False", "Overused"), 30, workspace.report)
    delays = told_after(workspace, "one", thief="thief")
    print("overuse was told of after", *(f"{delay.total_seconds():.1f} s" for delay in delays))
    assert max(delays) < TOLD_WITHIN
    assert driver.metric("hami_dra_share_memory_overuse_bytes") == {"one/gpu": 12 * 1024 * MIB}
    assert driver.metric("hami_dra_share_memory_unaccounted_bytes") == {"one/gpu": WHOLE * MIB}


@with_driver(OLDER_DRIVER)
def test_pod_that_takes_more_is_evicted_where_that_is_wanted(workspace: Workspace, driver: Driver) -> None:
    driver.upgrade(onOveruse="evict")
    try:
        workspace.create(claim("one", {"gpu": {"memory": "4Gi", "cores": 30}}), hostile_pod("thief", "one"))
        wait_for("the pod's end", lambda: not workspace.get("pods")["items"], 120, workspace.report)
        told = workspace.events("MemoryOverused")
        assert any("pod thief is evicted" in message for message in told), told
    finally:
        driver.upgrade(onOveruse="report")


@with_driver(OLDER_DRIVER)
def test_driver_that_is_required_and_cannot_be_had_keeps_the_pod_waiting(workspace: Workspace, driver: Driver) -> None:
    strict = claim("strict", {"gpu": {"memory": "4Gi", "cores": 30}})
    strict["spec"]["devices"]["config"] = [parameters("driver")]
    workspace.create(strict, pod("waiting", "--stay", "show", claim="strict"))
    told = wait_for("Events", lambda: workspace.events("ShareRefused"), 60, workspace.report)
    assert "this driver knows no memory limits: they came with R615, so update NVIDIA's driver" in told[0]
    assert 'memoryEnforcement == "driver"' in told[0]
    assert workspace.get("pod", "waiting")["status"]["phase"] == "Pending"


@with_driver(OLDER_DRIVER)
def test_selector_keeps_pods_off_nodes_where_the_driver_holds_nothing(workspace: Workspace, driver: Driver) -> None:
    assert {gpu["attributes"]["memoryEnforcement"]["string"] for gpu in driver.gpus().values()} == {"library"}
    workspace.apply(EXAMPLE / "claim.yaml")
    workspace.apply(EXAMPLE / "pod.yaml")
    workspace.wait_until_unschedulable("walled")
    assert workspace.events("ShareRefused") == []
