"""The Kubernetes objects that the tests create, as plain dictionaries."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.client import CLIENT_IMAGE
from tests.e2e.driver import DRIVER

Object = dict[str, Any]


def claim(name: str, requests: Mapping[str, Mapping[str, Any]], *, different_gpus: bool = False) -> Object:
    """A ResourceClaim; `requests` gives each request's name and capacities, e.g. {"a": {"memory": "4Gi"}}."""
    return _object("ResourceClaim", name, claim_spec(requests, different_gpus=different_gpus))


def template(name: str, requests: Mapping[str, Mapping[str, Any]]) -> Object:
    """A ResourceClaimTemplate."""
    return _object("ResourceClaimTemplate", name, {"spec": claim_spec(requests)})


def claim_spec(requests: Mapping[str, Mapping[str, Any]], *, different_gpus: bool = False) -> Object:
    devices: Object = {
        "requests": [
            {"name": name, "exactly": {"deviceClassName": DRIVER, "capacity": {"requests": capacities}}}
            for name, capacities in requests.items()
        ]
    }
    if different_gpus:
        devices["constraints"] = [{"distinctAttribute": f"{DRIVER}/uuid"}]
    return {"devices": devices}


def bare_pod(name: str, containers: Sequence[Object], **spec: Any) -> Object:
    """A pod that runs its containers once."""
    return _object("Pod", name, {"containers": list(containers), "restartPolicy": "Never", **spec})


def pod(name: str, *args: str, claim: str | None = None, template: str | None = None) -> Object:
    """A pod that runs gpu-client with `args` on the GPUs of a claim, or of a claim of its own from a template."""
    source = {"resourceClaimName": claim} if claim else {"resourceClaimTemplateName": template}
    container = {
        "name": "main",
        "image": CLIENT_IMAGE,
        "args": list(args),
        "resources": {"claims": [{"name": "gpu"}]},
    }
    return bare_pod(name, [container], resourceClaims=[{"name": "gpu", **source}])


def _object(kind: str, name: str, spec: Object) -> Object:
    version = "v1" if kind == "Pod" else "resource.k8s.io/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
