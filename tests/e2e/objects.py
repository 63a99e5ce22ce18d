"""The Kubernetes objects that the tests create, as plain dictionaries."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.client import CLIENT_IMAGE
from tests.e2e.driver import DRIVER

Object = dict[str, Any]


def claim(name: str, requests: Mapping[str, Mapping[str, Any]], *, different_gpus: bool = False) -> Object:
    """A ResourceClaim; `requests` gives each request's name and capacities, e.g. {"a": {"memory": "4Gi"}}."""
    return new_object("ResourceClaim", name, claim_spec(requests, different_gpus=different_gpus))


def template(name: str, requests: Mapping[str, Mapping[str, Any]]) -> Object:
    """A ResourceClaimTemplate."""
    return new_object("ResourceClaimTemplate", name, {"spec": claim_spec(requests)})


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
    return new_object("Pod", name, {"containers": list(containers), "restartPolicy": "Never", **spec})


def pod(name: str, *args: str, claim: str | None = None, template: str | None = None, **spec: Any) -> Object:
    """A pod that runs gpu-client with `args` on the GPUs of a claim, or of a claim of its own from a template."""
    return new_object("Pod", name, _pod_spec(args, claim, template) | spec)


def container(name: str, *args: str, claims: Sequence[str] = ("gpu",), **spec: Any) -> Object:
    """A container that runs gpu-client with `args` on claims of its pod: `claim`, or `claim/request` for a part."""
    named = [dict(zip(("name", "request"), claim.split("/"), strict=False)) for claim in claims]
    return {"name": name, "image": CLIENT_IMAGE, "args": list(args), "resources": {"claims": named}, **spec}


def pod_claim(name: str, claim: str | None = None, template: str | None = None) -> Object:
    """A pod's own name for a claim, or for one that is made for it from a template."""
    source = {"resourceClaimName": claim} if claim else {"resourceClaimTemplateName": template}
    return {"name": name, **source}


def job(name: str, completions: int, parallelism: int, *args: str, template: str) -> Object:
    """A Job whose pods each run gpu-client with `args` on a claim from a template; one that fails ends it."""
    spec = {"template": {"spec": _pod_spec(args, None, template)}, "backoffLimit": 0}
    return new_object("Job", name, spec | {"completions": completions, "parallelism": parallelism})


def _pod_spec(args: Sequence[str], claim: str | None, template: str | None) -> Object:
    claims = [pod_claim("gpu", claim, template)]
    return {"containers": [container("main", *args)], "resourceClaims": claims, "restartPolicy": "Never"}


def new_object(kind: str, name: str, spec: Object) -> Object:
    """An object of a kind; what is not known here by its API group is of resource.k8s.io."""
    version = {"Pod": "v1", "Job": "batch/v1"}.get(kind, "resource.k8s.io/v1")
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
