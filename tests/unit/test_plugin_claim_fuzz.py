"""Claims as an API server may answer with them, however odd: refused with a reason, or held to what they say.

The corpus holds claims of every shape, and those that once were answered wrongly. A new finding becomes a file there.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hami_dra.gpu import Gpu
from hami_dra.kube import KubeError, ResourceClaim, decode
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.plugin.claims import shares_of
from hami_dra.shares import Limits, NodeEdits, Share, claim_spec

CORPUS = sorted((Path(__file__).parent / "corpus" / "claims").glob("*.json"))
REF = ClaimRef("team", "double", "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10")
OFFERED = 16 * 2**30
GPUS = {f"hami-gpu-{n}": Gpu(uuid=f"GPU-{n}", minor=n, memory_bytes=OFFERED + 4096) for n in range(2)}
NODE = NodeEdits(
    version="0.5.0",
    common={"env": ["A=b"]},
    by_gpu={f"GPU-{n}": {"deviceNodes": [{"path": f"/dev/nvidia{n}"}]} for n in range(2)},
    library=Path("/opt/v1/libvgpu.so"),
    preload=Path("/opt/v1/ld.so.preload"),
    shares=Path("/host/shares"),
    hook=Path("/opt/v1/hami-dra-oci-hook"),
    nvml=Path("/usr/lib64/libnvidia-ml.so.1"),
)
ACCEPTED = {
    "all-memory-few-cores": ["limited"],
    "alternative": ["limited"],
    "fractions": ["limited"],
    "monitor": ["monitor", "monitor"],
    "parameters": ["limited"],
    "request-is-a-path": ["limited"],
    "share-id-of-another-case": ["limited", "limited"],
    "twice-one-gpu": ["limited", "limited"],
    "two-gpus": ["limited", "limited"],
    "whole": ["whole"],
}


def prepared(answer: bytes) -> tuple[Share, ...] | None:
    """The shares of a claim, or None where it is refused. Whatever else is raised is a bug."""
    try:
        return shares_of(decode(ResourceClaim, answer, "get"), REF, "node-1", GPUS)
    except (ClaimError, KubeError):
        return None


def check(answer: bytes) -> None:
    """Nobody is unlimited but who was given everything, or looks on as an administrator allowed."""
    shares = prepared(answer)
    if shares is None:
        return
    said = {each["shareID"]: each for each in json.loads(answer)["status"]["allocation"]["devices"]["results"]}
    spec = json.loads(json.dumps(claim_spec(shares, NODE)))
    assert len({device["name"] for device in spec["devices"]}) == len(spec["devices"]) == len(shares)
    for share, device in zip(shares, spec["devices"], strict=True):
        if share.access == "limited":
            check_limited(share, device["containerEdits"])
        elif share.access == "whole":
            assert share.cores == 100
            assert OFFERED <= share.memory <= OFFERED + 4096
        else:
            assert said[share.share_id]["adminAccess"] is True


def check_limited(share: Share, edits: dict[str, Any]) -> None:
    """Its container has the library, the preload, and a folder and a region of its own, beside limits that hold."""
    mounts = {mount["containerPath"]: mount for mount in edits["mounts"]}
    assert {"/usr/local/vgpu/libvgpu.so", "/etc/ld.so.preload"} <= mounts.keys()
    assert mounts[f"/run/hami-dra/shares/{share.name}"]["hostPath"] == f"/host/shares/{share.name}"
    assert mounts[f"/run/hami-dra/shares/{share.name}/region"]["options"][0] == "rw"
    assert sum(mount["options"][0] == "rw" for mount in edits["mounts"]) == 1
    assert Path(share.name).name == share.name
    limits = Limits.parse(Limits.of(share).render())
    assert 1 <= limits.cores <= 100
    assert 2**20 <= limits.memory <= OFFERED + 4096
    assert not any(variable.endswith(("=0", "=0m")) for variable in edits["env"] if "_LIMIT" in variable)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path: Path) -> None:
    check(path.read_bytes())
    shares = prepared(path.read_bytes())
    assert (shares and [share.access for share in shares]) == ACCEPTED.get(path.stem)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "0", "-1", "1", "100", "16Gi", "1e3", "1.5Gi", "9223372036854775807", "../..", "a/b/c", "\0"]),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
)
SOUND = [json.loads(path.read_bytes()) for path in CORPUS if path.stem in ACCEPTED]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a JSON document, but for the document itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from places(each, (*path, key))


@settings(deadline=None)
@given(st.data())
def test_claims_with_anything_anywhere(data: st.DataObject) -> None:
    claim = copy.deepcopy(data.draw(st.sampled_from(SOUND), label="claim"))
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        if not (known := list(places(claim))):
            return
        *way, last = data.draw(st.sampled_from(known), label="where")
        parent = claim
        for step in way:
            parent = parent[step]
        match data.draw(st.sampled_from(["replace", "remove", "add"]), label="how"):
            case "remove":
                del parent[last]
            case "add" if isinstance(parent, list):
                parent.append(data.draw(st.one_of(ODD, st.just(copy.deepcopy(parent[last]))), label="what"))
            case "add":
                parent[data.draw(st.text(max_size=4), label="key")] = data.draw(ODD, label="what")
            case _:
                parent[last] = data.draw(ODD, label="what")
    check(json.dumps(claim).encode())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_answers_that_are_no_claims(answer: bytes) -> None:
    assert prepared(answer) is None
