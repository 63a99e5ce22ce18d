"""What is published of a GPU: classes select by it, and containers read it."""

import json
from typing import Any

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.driver import DRIVER, Driver
from tests.e2e.objects import Object, new_object, pod, template
from tests.e2e.objects import claim as new_claim
from tests.e2e.workspace import Workspace

SMALL = {"gpu": {"cores": 10, "memory": "1Gi"}}
FOLDER = "/var/run/kubernetes.io/dra-device-attributes"


@pytest.mark.parametrize("is_right", [True, False])
def test_class_selects_by_every_attribute(
    cluster: Cluster, workspace: Workspace, driver: Driver, is_right: bool
) -> None:
    gpu = driver.gpus()["hami-gpu-1"]
    conditions = [*_conditions(gpu["attributes"]), *_capacities(gpu["capacity"])]
    expression = " && ".join(conditions) if is_right else " || ".join(f"!({condition})" for condition in conditions)
    # Another GPU differs in what is its own, so it fulfils the wrong one: this one is named beside it.
    expression = f"({expression}) && {_attribute('minor')} == 1"
    name = f"exactly-{workspace.namespace}"
    workspace.create(new_object("DeviceClass", name, {"selectors": [{"cel": {"expression": expression}}]}))
    try:
        wanted = template("exact", SMALL)
        wanted["spec"]["spec"]["devices"]["requests"][0]["exactly"]["deviceClassName"] = name
        workspace.create(wanted, pod("user", "--stay", "show", template="exact"))
        if is_right:
            workspace.wait_until_ready("user")
            (result,) = workspace.claim_of("user")["status"]["allocation"]["devices"]["results"]
            assert result["device"] == "hami-gpu-1"
        else:
            workspace.wait_until_unschedulable("user")
    finally:
        cluster.kubectl("delete", "deviceclass", name)


def test_container_reads_what_is_published_of_its_gpus(workspace: Workspace, driver: Driver) -> None:
    workspace.create(new_claim("single", SMALL), template("small", SMALL))
    workspace.create(
        pod("by-name", "--stay", "show", claim="single"), pod("by-template", "--stay", "show", template="small")
    )
    workspace.wait_until_ready("by-name", "by-template")
    published = driver.gpus()
    for name, place in (("by-name", "resourceclaims/single"), ("by-template", "resourceclaimtemplates/gpu")):
        claim = workspace.claim("single") if name == "by-name" else workspace.claim_of(name)
        said = [json.loads(line) for line in _read(workspace, name, f"{FOLDER}/{place}/gpu/{DRIVER}-metadata.json")]
        assert [each["apiVersion"] for each in said] == [
            f"metadata.resource.k8s.io/{version}" for version in ("v1beta1", "v1alpha1")
        ]
        assert said[0]["metadata"]["uid"] == claim["metadata"]["uid"]
        ((device,),) = [request["devices"] for request in said[0]["requests"]]
        (result,) = claim["status"]["allocation"]["devices"]["results"]
        assert (device["pool"], device["name"]) == (result["pool"], result["device"])
        assert device["attributes"] == published[result["device"]]["attributes"]


def _read(workspace: Workspace, pod: str, path: str) -> list[str]:
    return workspace.python(pod, f'print(open({path!r}).read(), end="")').splitlines()


def _conditions(attributes: dict[str, Object]) -> list[str]:
    """For each attribute an expression in CEL that holds of it; none must be left out."""
    found = []
    for name, value in attributes.items():
        ((kind, content),) = value.items()
        match kind:
            case "string" | "int" | "bool":
                found.append(f"{_attribute(name)} == {json.dumps(content)}")
            case "version":
                found.append(f"{_attribute(name)}.compareTo(semver({json.dumps(content)})) == 0")
            case _:
                raise AssertionError(f"{name} is of no known kind: {value}")
    return found


def _capacities(capacity: dict[str, Any]) -> list[str]:
    return [
        f'device.capacity["{DRIVER}"].{name}.compareTo(quantity({json.dumps(each["value"])})) == 0'
        for name, each in capacity.items()
    ]


def _attribute(name: str) -> str:
    domain, _, identifier = name.rpartition("/")
    return f'device.attributes["{domain or DRIVER}"].{identifier}'
