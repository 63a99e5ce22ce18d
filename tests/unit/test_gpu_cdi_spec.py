"""CDI specs as others wrote them: understood, or refused with the one error that callers expect."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.gpu import Gpu
from hami_dra.gpu.base_edits import pick
from hami_dra.gpu.cdi_spec import CdiSpecError, parse_spec
from hami_dra.shares import NodeEdits, Share, claim_spec

SPEC = b"""
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits: {deviceNodes: [{path: /dev/nvidia0}]}
"""
# What YAML is made of; plain text would hardly ever get past its first line.
PIECES = st.sampled_from(
    ["[", "]", "{", "}", ": ", "- ", "? ", "\n", "\n  ", "&a ", "*a", "!!int ", "!!float ", "!!timestamp ", "!!bool ",
     "!!binary ", "!!set ", "<<", "=", "|", ">", "#", "'", '"', "%YAML", "---", "0x", "2001-13-01", "devices", "name"]
)  # fmt: skip


def test_a_spec_in_yaml_is_read() -> None:
    spec = parse_spec(SPEC)
    assert (spec.kind, [device.name for device in spec.devices]) == ("nvidia.com/gpu", ["0"])


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 1000,
        b'{"a":' * 20000,
        b"kind: 2001-13-01",
        b"kind: !!timestamp x",
        b"kind: !!int ''",
        b"kind: !!bool x",
        b"kind: " + b"9" * 5000,
    ],
)
def test_what_the_reader_of_yaml_or_json_chokes_on_is_refused(text: bytes) -> None:
    with pytest.raises(CdiSpecError):
        parse_spec(text)


def spec(version: str = "0.5.0", edits: object = None) -> bytes:
    """A spec with such edits of one device and of all."""
    devices = [{"name": "0", "containerEdits": edits or {}}]
    wanted = {"cdiVersion": version, "kind": "nvidia.com/gpu", "devices": devices, "containerEdits": edits or {}}
    return json.dumps(wanted).encode()


@pytest.mark.parametrize("version", ["", "1", "0.5", "1.0.0-rc1", "banana", "0.5.0\n"])
def test_a_version_that_no_runtime_knows_is_refused(version: str) -> None:
    with pytest.raises(CdiSpecError, match="cdiVersion"):
        parse_spec(spec(version))


def test_a_version_may_be_written_as_the_runtimes_take_it() -> None:
    assert parse_spec(spec("v0.5.0")).cdi_version == "0.5.0"


@pytest.mark.parametrize("field", ["hooks", "deviceNodes", "mounts", "env"])
def test_edits_that_are_null_are_absent(field: str) -> None:
    read = parse_spec(spec(edits={field: None, "netDevices": ["n"]}))
    assert read.container_edits == read.devices[0].container_edits == {"netDevices": ["n"]}


@pytest.mark.parametrize(
    "edits",
    [
        {"hooks": 3},
        {"hooks": [None]},
        {"hooks": [{"args": 3}]},
        {"deviceNodes": ["/dev/nvidia0"]},
        {"deviceNodes": [{"path": None}]},
        {"mounts": {"a": "b"}},
        {"env": "A=b"},
    ],
)
def test_edits_of_another_shape_are_refused(edits: dict[str, object]) -> None:
    with pytest.raises(CdiSpecError, match=next(iter(edits))):
        parse_spec(spec(edits=edits))


ODD: list[object] = [None, 3, "x", {}, [], [None], ["x"], [{}], [{"path": "x"}], [{"args": None}], [{"args": ["x"]}]]
EDITS = st.dictionaries(st.sampled_from(["hooks", "deviceNodes", "mounts", "env", "other"]), st.sampled_from(ODD))


@given(EDITS)
def test_whatever_is_understood_can_be_used(edits: dict[str, object]) -> None:
    with suppress(CdiSpecError):
        read = parse_spec(spec(edits=edits))
        base = pick(read, [Gpu("0", 0, 2**30)])
        node = NodeEdits(base.version, base.common, base.by_gpu, *[Path("/x")] * 5)
        share = Share(claim_namespace="a", claim_name="b", claim_uid="c", request="d", share_id="e", pool="f",
                      device="g", gpu_uuid="0", cores=1, memory=2**20)  # fmt: skip
        claim_spec([share], node)


@given(st.one_of(st.binary(), st.lists(PIECES).map(lambda pieces: "".join(pieces).encode())))
def test_no_text_gives_anything_but_a_spec_or_its_error(text: bytes) -> None:
    with suppress(CdiSpecError):
        parse_spec(text)
