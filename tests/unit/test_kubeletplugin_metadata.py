import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.kubeletplugin import ClaimRef, DeviceMetadata, RequestMetadata

CLAIM = ClaimRef("team", "double", "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10")
LAMP = DeviceMetadata("node-1", "lamp-0", {"colour": {"string": "red"}, "resource.kubernetes.io/numaNode": {"int": 0}})
FOLDER = "/var/run/kubernetes.io/dra-device-attributes"


def request(name: str = "light", *devices: DeviceMetadata, pod_claim: str | None = None) -> RequestMetadata:
    return RequestMetadata("lamp.example.com", CLAIM, name, devices or (LAMP,), pod_claim)


def objects(content: bytes) -> list[dict[str, Any]]:
    """Those of a stream, as a consumer reads it: nothing is said of where one ends but by JSON itself."""
    text, found, place = content.decode(), [], 0
    while text[place:].strip():
        each, end = json.JSONDecoder().raw_decode(text[place:].lstrip())
        found.append(each)
        place += len(text[place:]) - len(text[place:].lstrip()) + end
    return found


def test_file_is_a_stream_of_the_same_in_every_version_newest_first() -> None:
    newest, older = objects(request().renewed(b""))
    assert newest == {
        "apiVersion": "metadata.resource.k8s.io/v1beta1",
        "kind": "DeviceMetadata",
        "metadata": {"name": "double", "namespace": "team", "uid": CLAIM.uid, "generation": 1},
        "requests": [
            {
                "name": "light",
                "devices": [
                    {
                        "driver": "lamp.example.com",
                        "pool": "node-1",
                        "name": "lamp-0",
                        "attributes": {"colour": {"string": "red"}, "resource.kubernetes.io/numaNode": {"int": 0}},
                    }
                ],
            }
        ],
    }
    assert older == newest | {"apiVersion": "metadata.resource.k8s.io/v1alpha1"}


def test_all_devices_of_a_request_are_in_one_file() -> None:
    second = DeviceMetadata("node-1", "lamp-1", {})
    wanted, _ = objects(request("light", LAMP, second).renewed(b""))
    assert [device["name"] for device in wanted["requests"][0]["devices"]] == ["lamp-0", "lamp-1"]


@pytest.mark.parametrize(
    ("name", "pod_claim", "path"),
    [
        ("light", None, "resourceclaims/double/light"),
        ("light/small", None, "resourceclaims/double/light"),
        ("light", "mine", "resourceclaimtemplates/mine/light"),
        ("light", "", "resourceclaims/double/light"),
        ("light", "../../../etc", "resourceclaims/double/light"),
        ("light", "Mine\n", "resourceclaims/double/light"),
    ],
)
def test_file_is_where_consumers_look(name: str, pod_claim: str | None, path: str) -> None:
    wanted = request(name, pod_claim=pod_claim)
    assert wanted.path == f"{FOLDER}/{path}/lamp.example.com-metadata.json"
    said, _ = objects(wanted.renewed(b""))
    assert said["requests"][0]["name"] == name
    assert said.get("podClaimName") == ("mine" if pod_claim == "mine" else None)


@pytest.mark.parametrize("name", ["", "..", "a/../b", "a/", "/a", "a/b/c", "A", "x" * 64, "a\n"])
def test_request_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a request"):
        request(name)


def test_news_has_a_higher_generation_and_the_same_is_the_same() -> None:
    first = request().renewed(b"")
    assert request().renewed(first) == first
    other = request("light", DeviceMetadata("node-1", "lamp-0", {"colour": {"string": "blue"}}))
    changed = other.renewed(first)
    assert [each["metadata"]["generation"] for each in objects(changed)] == [2, 2]
    assert other.renewed(changed) == changed
    assert [each["metadata"]["generation"] for each in objects(request().renewed(changed))] == [3, 3]


@given(
    st.one_of(
        st.binary(), st.recursive(st.none() | st.integers(), st.lists).map(lambda value: json.dumps(value).encode())
    )
)
def test_whatever_lies_there_is_replaced(present: bytes) -> None:
    assert request().renewed(present) == request().renewed(b"")


@pytest.mark.parametrize("generation", [0, -1, 1.5, "7", None])
def test_generation_that_is_none_begins_anew(generation: object) -> None:
    present = json.dumps({"metadata": {"generation": generation}}).encode()
    assert request().renewed(present) == request().renewed(b"")
