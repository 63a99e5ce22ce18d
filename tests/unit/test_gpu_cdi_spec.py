"""CDI specs as others wrote them: understood, or refused with the one error that callers expect."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.gpu.cdi_spec import CdiSpecError, parse_spec

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


@given(st.one_of(st.binary(), st.lists(PIECES).map(lambda pieces: "".join(pieces).encode())))
def test_no_text_gives_anything_but_a_spec_or_its_error(text: bytes) -> None:
    with suppress(CdiSpecError):
        parse_spec(text)
