"""What containers can read of the GPUs that they were given."""

import json
from pathlib import Path
from typing import Any

import msgspec

from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.local.apiserver.kinds import RESOURCE_CLAIM
from tests.integration.test_plugin.node import DRIVER, NAME, Node, share, whole

FOLDER = Path("/var/run/kubernetes.io/dra-device-attributes")


def mounted(node: Node, claim: ClaimRef) -> dict[str, dict[str, Any]]:
    """The first object of each metadata file of a claim, by its folder in a container that has all of the claim."""
    mounts = [mount for device in node.spec(claim)["devices"] for mount in device["containerEdits"]["mounts"]]
    found = [mount for mount in mounts if mount["containerPath"].endswith("-metadata.json")]
    assert all(mount["options"][0] == "ro" for mount in found)
    paths = [Path(mount["containerPath"]) for mount in found]
    assert {path.name for path in paths} == {f"{DRIVER}-metadata.json"}
    contents = [Path(mount["hostPath"]).read_text().splitlines()[0] for mount in found]
    return {str(path.parent.relative_to(FOLDER)): json.loads(said) for path, said in zip(paths, contents, strict=True)}


async def test_every_request_says_which_gpus_it_was_given(node: Node) -> None:
    claim = await node.claim("double", share("pair", 0), whole("pair", 1), share("main/small", 0))
    await node.prepared(claim)
    await node.published("hami-gpu-0", "hami-gpu-1")
    found = mounted(node, claim)
    assert list(found) == ["resourceclaims/double/pair", "resourceclaims/double/main"]
    published = {device.name: msgspec.to_builtins(device.attributes) for device in await node.offered()}
    assert found["resourceclaims/double/pair"]["requests"] == [
        {
            "name": "pair",
            "devices": [
                {"driver": DRIVER, "pool": NAME, "name": name, "attributes": published[name]}
                for name in ("hami-gpu-0", "hami-gpu-1")
            ],
        }
    ]
    (alternative,) = found["resourceclaims/double/main"]["requests"]
    assert (alternative["name"], [device["name"] for device in alternative["devices"]]) == (
        "main/small",
        ["hami-gpu-0"],
    )


async def test_claim_of_a_template_is_found_by_what_its_pod_calls_it(node: Node) -> None:
    claim = await node.claim("pod-0-mine-x7k2p", share("gpu", 0))
    _annotate(node, claim, "mine")
    await node.prepared(claim)
    (said,) = mounted(node, claim).values()
    assert list(mounted(node, claim)) == ["resourceclaimtemplates/mine/gpu"]
    assert said["podClaimName"] == "mine"


async def test_name_that_would_lead_elsewhere_is_none(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    _annotate(node, claim, "../../../../../etc")
    await node.prepared(claim)
    assert list(mounted(node, claim)) == ["resourceclaims/single/gpu"]


async def test_request_that_would_lead_elsewhere_refuses_the_claim(node: Node) -> None:
    claim = await node.claim("single", share("../gpu", 0))
    (refusal,) = await node.prepare(claim)
    assert isinstance(refusal, ClaimError)
    assert "'../gpu' is not the name of a request" in str(refusal)
    assert node.files(claim) == []


async def test_what_becomes_known_later_is_news_to_containers_that_start_later(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    (path,) = (path for path in node.files(claim) if path.name == "device-metadata.json")
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0000:01:00.0", b"0000:02:00.0"))
    with path.open("rb") as open_in_a_container:
        await node.prepared(claim)
        assert b"0000:02:00.0" in open_in_a_container.read()
    (said,) = mounted(node, claim).values()
    assert said["metadata"]["generation"] == 2
    assert said["requests"] == json.loads(before.splitlines()[0])["requests"]


def _annotate(node: Node, claim: ClaimRef, name: str) -> None:
    """Have a claim say that a pod calls it by a name, as those that are made from templates do."""
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)
    found["metadata"]["annotations"] = {"resource.kubernetes.io/pod-claim-name": name}
    node.api.store.replace(RESOURCE_CLAIM, claim.namespace, claim.name, found)
