"""GPUs that are lost and come back, as a tenant and an administrator see it on a real cluster."""

from collections.abc import Callable
from typing import Any

from tests.e2e.cluster import LocalCluster, wait_for
from tests.e2e.cluster.components import NODE
from tests.e2e.clusters import gpu_machine
from tests.e2e.driver import DRIVER, Driver
from tests.e2e.objects import Object, pod, template
from tests.e2e.workspace import Workspace

GPU = 1
NAME = f"hami-gpu-{GPU}"
SECONDS = 60


def test_lost_gpu_is_kept_from_new_pods_until_it_is_back(
    cluster: LocalCluster, workspace: Workspace, driver: Driver, break_gpu: Callable[..., None], knows_taints: bool
) -> None:
    workspace.create(_of_gpu(GPU), pod("user", "--stay", "show", template="this-gpu"))
    workspace.wait_until_ready("user")
    workspace.said("user")  # so that the loss does not end its program
    break_gpu("lost=1")
    if knows_taints:
        wait_for("a taint", lambda: _taints(driver) == [("unusable", "NoSchedule", "lost")], SECONDS, driver.logs)
        (status,) = wait_for("the pod's status", lambda: _health(workspace, "Unhealthy"), SECONDS, workspace.report)
        assert status["message"].startswith("the GPU is lost: the driver cannot reach it")
    else:
        wait_for("word of the loss", lambda: "the GPU is lost" in driver.logs(), SECONDS, driver.logs)
        assert NAME in driver.gpus()  # as long as a claim uses it
        workspace.delete_pods("user")
        wait_for("its withdrawal", lambda: NAME not in driver.gpus(), SECONDS, driver.logs)
    told, *_ = wait_for("an Event", lambda: _events(cluster, "GpuUnusable", "is lost"), SECONDS, driver.logs)
    assert "Drain the node and restart it" in told["message"]
    workspace.create(pod("late", "--stay", "show", template="this-gpu"))
    workspace.wait_until_unschedulable("late")
    break_gpu("lost=0")
    wait_for("no taint", lambda: NAME in driver.gpus() and not _taints(driver), SECONDS, driver.logs)
    workspace.wait_until_ready("late")
    if knows_taints:
        wait_for("the pod's status", lambda: _health(workspace, "Healthy"), SECONDS, workspace.report)
    wait_for("an Event", lambda: _events(cluster, "GpuHealthy", "is well again"), SECONDS, driver.logs)


def test_damaged_row_is_told_and_changes_nothing(
    cluster: LocalCluster, workspace: Workspace, driver: Driver, break_gpu: Callable[..., None], knows_taints: bool
) -> None:
    break_gpu("remap-pending=1")
    if knows_taints:
        wait_for("a notice", lambda: _taints(driver) == [("notice", "None", "row-remap-pending")], SECONDS, driver.logs)
    wait_for("an Event", lambda: _events(cluster, "GpuNotice", "a damaged row of memory"), SECONDS, driver.logs)
    workspace.create(_of_gpu(GPU), pod("user", "--stay", "show", template="this-gpu"))
    workspace.wait_until_ready("user")
    break_gpu("remap-pending=0")
    wait_for("no taint", lambda: not _taints(driver), SECONDS, driver.logs)


def _of_gpu(minor: int) -> Object:
    """A template of claims of which only one GPU will do."""
    wanted = template("this-gpu", {"gpu": {"cores": 10, "memory": "1Gi"}})
    (request,) = wanted["spec"]["spec"]["devices"]["requests"]
    request["exactly"]["selectors"] = [{"cel": {"expression": f'device.attributes["{DRIVER}"].minor == {minor}'}}]
    return wanted


def _taints(driver: Driver) -> list[tuple[str, str, str]]:
    taints = driver.gpus().get(NAME, {}).get("taints", [])
    return [(each["key"].removeprefix(f"{DRIVER}/"), each["effect"], each["value"]) for each in taints]


def _health(workspace: Workspace, health: str) -> list[dict[str, Any]]:
    """The parts of the pod's status that say so of its device."""
    statuses = workspace.get("pod", "user")["status"]["containerStatuses"]
    resources = [
        resource
        for each in statuses
        for status in each.get("allocatedResourcesStatus", ())
        for resource in status["resources"]
    ]
    return [resource for resource in resources if resource["health"] == health]


def _events(cluster: LocalCluster, reason: str, words: str) -> list[dict[str, Any]]:
    about = f"--field-selector=reason={reason},involvedObject.kind=Node,involvedObject.name={NODE}"
    events = cluster.get("events", "--namespace=default", about)["items"]
    return [event for event in events if words in event["message"] and f"GPU {_uuid(cluster)}" in event["message"]]


def _uuid(cluster: LocalCluster) -> str:
    return gpu_machine(cluster).gpus[GPU].uuid
