"""What the cluster's API shows of shares, and what it refuses."""

import json
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, Failed, wait_for
from tests.e2e.cluster.components import NODE
from tests.e2e.driver import DRIVER, NAMESPACE, RELEASE, Driver
from tests.e2e.objects import Object, claim, pod, template
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
    (ready,) = said["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    uuid = driver.gpus()[result["device"]]["attributes"]["uuid"]["string"]
    assert ready["message"] == f"4Gi of the memory and 30 % of the cores of {uuid}"
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


@pytest.mark.parametrize("parameters", [HEADER, HEADER | {"logLevel": 0}, HEADER | {"logLevel": None}])
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
    place = (f"--namespace={workspace.namespace}", "resourceclaim", "single", "--subresource=status", "--type=json")
    takes_away = json.dumps([{"op": "remove", "path": "/status/devices"}])
    with pytest.raises(Failed, match=r"of that node's devices|forbidden"):
        cluster.kubectl("patch", *place, f"--patch={takes_away}", *_as_plugin_of("other"))
    reserves = json.dumps([{"op": "remove", "path": "/status/reservedFor"}])
    with pytest.raises(Failed, match="may write nothing but"):
        cluster.kubectl("patch", *place, f"--patch={reserves}", *_as_plugin_of(NODE))


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
