"""What the cluster's API shows of shares, and what it refuses."""

import json
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, Failed, wait_for
from tests.e2e.cluster.components import NODE
from tests.e2e.driver import DRIVER, NAMESPACE, RELEASE, Driver
from tests.e2e.memory import memory_seen
from tests.e2e.objects import Object, bare_pod, claim, container, pod, template
from tests.e2e.workspace import Workspace

HEADER = {"apiVersion": "hami.project-hami.io/v1alpha1", "kind": "ShareConfig"}
GPU = {"gpu": {"cores": 30, "memory": "4Gi"}}


def test_claim_says_what_it_was_given_while_a_pod_has_it(workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("single", GPU), pod("user", "--stay", "show", claim="single"))
    workspace.wait_until_ready("user")
    (said,) = wait_for("status.devices", lambda: _devices(workspace), 20, driver.logs)
    (result,) = workspace.claim("single")["status"]["allocation"]["devices"]["results"]
    for field in ("driver", "pool", "device", "shareID"):
        assert said[field] == result[field]
    conditions = {each["type"]: each for each in said["conditions"]}
    assert {type_: each["status"] for type_, each in conditions.items()} == {"Ready": "True", "MemoryLimited": "True"}
    uuid = driver.gpus()[result["device"]]["attributes"]["uuid"]["string"]
    assert conditions["Ready"]["message"] == f"4Gi of the memory and 30 % of the cores of {uuid}"
    assert (said["data"]["gpuUUID"], said["data"]["memory"], said["data"]["cores"]) == (uuid, "4Gi", 30)
    workspace.delete_pods("user")
    wait_for("a status without devices", lambda: not _devices(workspace), 20, driver.logs)
    assert "later" not in driver.logs()


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (HEADER | {"logLevel": 5}, ".logLevel: must be an integer from 0 to 4"),
        (HEADER | {"logLevel": "3"}, ".logLevel: must be an integer from 0 to 4"),
        (HEADER | {"logLevel": True}, ".logLevel: must be an integer from 0 to 4"),
        (HEADER | {"logLevel": 0.5}, ".logLevel: must be an integer from 0 to 4"),
        (HEADER | {"computePolicy": "soft"}, ".computePolicy: must be hard or off or work-conserving"),
        (HEADER | {"computePolicy": ["hard"]}, ".computePolicy: must be hard or off or work-conserving"),
        (HEADER | {"priority": 0}, ".priority: must be high or low"),
        (HEADER | {"memoryEnforcement": "none"}, ".memoryEnforcement: must be auto or driver or library"),
        (HEADER | {"loglevel": 3}, ".loglevel: a ShareConfig has no such field"),
        (HEADER | {"kind": "GpuConfig"}, ".kind: must be ShareConfig"),
        ({"kind": "ShareConfig"}, ".apiVersion: must be hami.project-hami.io/v1alpha1"),
    ],
)
def test_wrong_parameters_are_refused_with_their_path(
    workspace: Workspace, parameters: dict[str, Any], problem: str
) -> None:
    config = [_config({"any": "thing"}, driver="net.example.com"), _config(parameters)]
    device_class = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": "wrong"},
        "spec": {},
    }
    for object_, spec, path in (
        (single := claim("wrong", GPU), single["spec"]["devices"], "spec.devices.config"),
        (several := template("wrong", GPU), several["spec"]["spec"]["devices"], "spec.spec.devices.config"),
        (device_class, device_class["spec"], "spec.config"),
    ):
        assert isinstance(spec, dict)
        spec["config"] = config
        with pytest.raises(Failed, match="denied request") as refused:
            workspace.create(object_)
        assert f"{path}[1].opaque.parameters{problem}" in str(refused.value)


@pytest.mark.parametrize(
    "parameters",
    [
        HEADER,
        HEADER | {"logLevel": 0, "computePolicy": "work-conserving", "priority": "high", "memoryEnforcement": "auto"},
        HEADER | {"logLevel": None, "computePolicy": None, "priority": None},
    ],
)
def test_right_parameters_are_taken(workspace: Workspace, parameters: dict[str, Any]) -> None:
    right = claim("right", GPU)
    right["spec"]["devices"]["config"] = [_config({"any": "thing"}, driver="net.example.com"), _config(parameters)]
    workspace.create(right)


def test_plugin_of_another_node_writes_nothing_here(cluster: Cluster, workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("single", GPU), pod("user", "--stay", "show", claim="single"))
    workspace.wait_until_ready("user")
    wait_for("status.devices", lambda: _devices(workspace), 20, driver.logs)
    (published,) = cluster.get("resourceslices", f"--field-selector=spec.driver={DRIVER}")["items"]
    another = published | {"metadata": {"generateName": "another-"}}
    for verb, slice_ in (("create", another), ("replace", published), ("delete", published)):
        with pytest.raises(Failed, match=f"plugin of node 'other' may not write slices of node '{NODE}'"):
            cluster.kubectl(verb, "--filename=-", *_as_plugin_of("other"), stdin=json.dumps(slice_))
    cluster.kubectl("replace", "--filename=-", *_as_plugin_of(NODE), stdin=json.dumps(published))
    (said,) = _devices(workspace)
    # From 1.36 on the API server itself sees to this too, and is the first to.
    with pytest.raises(Failed, match=f'devices of {DRIVER}$|requires resource="resourceclaims/driver"'):
        _apply_status(workspace, {"devices": [said | {"data": {"gpuUUID": "another"}}]}, "other")
    reserved = {"resource": "pods", "name": "another", "uid": "7c0ffee0-0000-4000-8000-000000000001"}
    with pytest.raises(Failed, match=r'may write nothing but|requires resource="resourceclaims/binding"'):
        _apply_status(workspace, {"reservedFor": [reserved]}, NODE)
    _apply_status(workspace, {"devices": [said | {"data": {"gpuUUID": "another"}}]}, NODE)


def _apply_status(workspace: Workspace, status: Object, node: str) -> None:
    """Write the status of the claim `single` as the plugin of a node does."""
    wanted = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "single"}}
    how = ("--server-side", "--force-conflicts", "--subresource=status", "--field-manager=test", "--filename=-")
    workspace.kubectl("apply", *how, *_as_plugin_of(node), stdin=json.dumps(wanted | {"status": status}))


def test_refused_claim_says_why_on_itself_and_on_its_pod(workspace: Workspace, driver: Driver) -> None:
    wrong = claim("wrong", GPU)
    wrong["spec"]["devices"]["config"] = [_config(HEADER | {"logLevel": 5})]
    with driver.without_admission_policy("resourceclaims"):
        wait_for("a claim that nobody checks", lambda: workspace.takes(wrong), 20)
    workspace.create(pod("user", "--stay", "show", claim="wrong"))
    of_the_driver = f"--field-selector=source={DRIVER},reason=ShareRefused"
    wait_for("Events", lambda: len(workspace.get("events", of_the_driver)["items"]) == 2, 60, workspace.report)
    events = workspace.get("events", of_the_driver)["items"]
    assert sorted(event["involvedObject"]["kind"] for event in events) == ["Pod", "ResourceClaim"]
    for event in events:
        assert "config[0].opaque.parameters.logLevel: must be an integer from 0 to 4, not 5" in event["message"]


def test_pod_without_claims_has_a_whole_gpu(cluster: Cluster, workspace: Workspace) -> None:
    whole = cluster.get("deviceclass", f"whole.{DRIVER}")
    if "extendedResourceName" not in whole["spec"]:
        pytest.skip("this API server's version has no extended resources for classes")
    resources = {"limits": {whole["spec"]["extendedResourceName"]: 1}}
    workspace.create(bare_pod("user", [container("main", "--stay", "show", claims=(), resources=resources)]))
    workspace.wait_until_ready("user")
    assert list(memory_seen(workspace, "user").values()) == [16384]


def test_cap_on_tenants_keeps_others_off_a_gpu(workspace: Workspace, driver: Driver) -> None:
    driver.upgrade(tenants="1")
    wait_for("the cap", lambda: all("tenants" in gpu["capacity"] for gpu in driver.gpus().values()), 20, driver.logs)
    workspace.create(template("small", {"gpu": {"cores": 1, "memory": "1Gi"}}))
    for name in ("first", "second", "third"):
        workspace.create(pod(name, "--stay", "show", template="small"))
    workspace.wait_until_ready("first", "second")
    workspace.wait_until_unschedulable("third")
    driver.upgrade(tenants="0")
    wait_for("no cap", lambda: not any("tenants" in gpu["capacity"] for gpu in driver.gpus().values()), 20, driver.logs)
    workspace.wait_until_ready("third")


def _devices(workspace: Workspace) -> list[Object]:
    return list(workspace.claim("single")["status"].get("devices", []))


def _config(parameters: dict[str, Any], *, driver: str = DRIVER) -> Object:
    return {"opaque": {"driver": driver, "parameters": parameters}}


def _as_plugin_of(node: str) -> list[str]:
    """What makes kubectl act as the plugin's pod on a node."""
    return [
        f"--as=system:serviceaccount:{NAMESPACE}:{RELEASE}",
        f"--as-user-extra=authentication.kubernetes.io/node-name={node}",
    ]
