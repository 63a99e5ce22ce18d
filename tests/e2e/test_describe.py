"""What `kubectl describe` tells of claims and pods, so that a reader knows what is going on from that alone.

`make describe` writes docs/describe.md from what is said here.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, Failed, wait_for
from tests.e2e.driver import DRIVER, Driver
from tests.e2e.objects import Object, claim, pod
from tests.e2e.transcript import Transcript
from tests.e2e.workspace import Workspace

SMALL = {"gpu": {"cores": 30, "memory": "4Gi"}}
CLAIM = ("describe", "resourceclaim/single")
POD = ("describe", "pod/user")


def test_claim_and_pod_that_work(workspace: Workspace, transcript: Transcript, driver: Driver) -> None:
    _create(workspace, SMALL)
    workspace.wait_until_ready("user")
    wait_for("status.devices", lambda: workspace.claim("single")["status"].get("devices"), 20, driver.logs)
    transcript.tell(
        "A claim that is used",
        "Its status says which GPU it was given, and what of it: the scheduler's word under `Allocation`, the "
        "driver's under `Devices`, with the pod that has it under `Reserved For`.",
    )
    said = transcript.show(workspace, *CLAIM)
    assert "4Gi of the memory and 30 % of the cores of GPU-" in said
    assert "user" in transcript.show(workspace, *POD)


def test_gpu_that_is_lost_under_a_pod(
    workspace: Workspace, transcript: Transcript, driver: Driver, break_gpu: Callable[..., None], knows_taints: bool
) -> None:
    _create(workspace, SMALL, minor=1)
    workspace.wait_until_ready("user")
    workspace.said("user")  # so that the loss does not end its program
    break_gpu("xid=79", "lost=1")
    wait_for("Events", lambda: len(workspace.events("GpuUnusable")) >= 2, 60, driver.logs)
    wait_for("the claim's status", lambda: "but the GPU is lost" in workspace.kubectl(*CLAIM), 20, driver.logs)
    transcript.tell(
        "A GPU that is lost while a pod uses it",
        "The pod is left alone; Events on it and on its claim say what has happened, and its status what the kubelet "
        "knows of its GPU. Events on the node tell the administrator what to do. A taint keeps new claims off the GPU "
        "until it is back.",
    )
    for shown in (POD, CLAIM):
        assert "delete the pods that use the claim, then they are given another GPU" in transcript.show(
            workspace, *shown
        )
    if knows_taints:
        path = "{.status.containerStatuses[*].allocatedResourcesStatus}"
        health = ("get", "pod/user", f"--output=jsonpath={path}")
        wait_for("the pod's status", lambda: "Unhealthy" in workspace.kubectl(*health), 60, workspace.report)
        assert "the GPU is lost: the driver cannot reach it" in transcript.show(workspace, *health)
    of_the_node = ("events", "--all-namespaces", "--for=node/gpu-node", "--types=Warning")
    wait_for("an Event", lambda: "the GPU is lost" in workspace.kubectl(*of_the_node), 30, driver.logs)
    assert "Drain the node and restart it" in transcript.show(workspace, *of_the_node)
    if not knows_taints:
        return  # as long as a pod has it, such a GPU is offered to others
    workspace.create(claim("another", SMALL) | {"spec": workspace.claim("single")["spec"]})
    workspace.create(pod("late", "--stay", "show", claim="another"))
    workspace.wait_until_unschedulable("late")
    transcript.tell(
        "A pod that waits for such a GPU",
        "The scheduler says the same as where there is no room. The taint in `kubectl get resourceslices -o yaml` and "
        "the Events on the node tell why.",
    )
    assert "cannot allocate all claims" in transcript.show(workspace, "describe", "pod/late")
    break_gpu("lost=0")
    wait_for("Events", lambda: len(workspace.events("GpuHealthy")) >= 2, 60, driver.logs)
    workspace.wait_until_ready("late")
    transcript.tell(
        "When the GPU is back",
        "The pod that had it is told so, though its programs may have to be started anew. The pod that waited runs.",
    )
    assert "is well again" in transcript.show(workspace, *POD)


def test_pod_for_which_there_is_no_room(workspace: Workspace, transcript: Transcript) -> None:
    _create(workspace, {"gpu": {"cores": 30, "memory": "20Gi"}})
    workspace.wait_until_unschedulable("user")
    transcript.tell(
        "A claim that asks for more than there is",
        "No GPU has 20 GiB. The same is said where GPUs are large enough and others have them, and where a capacity "
        "is misspelt: the scheduler does not tell these apart. `kubectl get resourceslices -o yaml` shows what GPUs "
        "have, and `kubectl get resourceclaims -A` who has them.",
    )
    assert "Reserved For" not in transcript.show(workspace, *CLAIM)
    assert "cannot allocate all claims" in transcript.show(workspace, *POD)


def test_parameters_that_are_refused_when_they_are_written(workspace: Workspace, transcript: Transcript) -> None:
    transcript.tell("Parameters that are wrong", "The API server refuses them, with the field.")
    with pytest.raises(Failed) as refused:
        workspace.create(_with_parameters(computePolicy="soft"))
    said = transcript.refused(refused.value, "create", "--filename=claim.yaml")
    assert "spec.devices.config[0].opaque.parameters.computePolicy: must be hard or off or work-conserving" in said


def test_parameters_that_are_refused_when_the_pod_starts(
    cluster: Cluster, workspace: Workspace, transcript: Transcript, driver: Driver
) -> None:
    with driver.without_admission_policy("resourceclaims"):
        wait_for("a claim that nobody checks", lambda: workspace.takes(_with_parameters(computePolicy="soft")), 20)
    workspace.create(pod("user", "--stay", "show", claim="single"))
    wait_for("Events", lambda: len(workspace.events("ShareRefused")) == 2, 60, workspace.report)
    transcript.tell(
        "Parameters that are wrong, in a cluster without the chart's admission policies",
        "The driver refuses them when the pod is to start, on the claim and on the pod; the kubelet says the same "
        "and tries again.",
    )
    for shown in (CLAIM, POD):
        said = transcript.show(workspace, *shown)
        assert "ShareRefused" in said
        assert "parameters.computePolicy: must be hard or off or work-conserving, not 'soft'" in said


def _create(workspace: Workspace, requests: dict[str, dict[str, Any]], minor: int | None = None) -> None:
    """The claim `single`, of which only one GPU will do where one is named, and its pod `user`."""
    single = claim("single", requests)
    if minor is not None:
        expression = f'device.attributes["{DRIVER}"].minor == {minor}'
        single["spec"]["devices"]["requests"][0]["exactly"]["selectors"] = [{"cel": {"expression": expression}}]
    workspace.create(single, pod("user", "--stay", "show", claim="single"))


def _with_parameters(**parameters: object) -> Object:
    wrong = claim("single", SMALL)
    header = {"apiVersion": "hami.project-hami.io/v1alpha1", "kind": "ShareConfig"}
    wrong["spec"]["devices"]["config"] = [{"opaque": {"driver": DRIVER, "parameters": header | parameters}}]
    return wrong
