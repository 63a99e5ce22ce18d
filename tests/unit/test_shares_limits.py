from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.shares import Limits, LimitsError

UUIDS = st.uuids().map(lambda uuid: f"GPU-{uuid}")
LIMITS = st.builds(
    Limits,
    gpu_uuid=UUIDS,
    memory=st.integers(0, 2**63 - 1),
    cores=st.integers(1, 100),
    policy=st.sampled_from(["hard", "work-conserving", "off"]),
    priority=st.sampled_from(["high", "low"]),
)
TEXT = Limits(gpu_uuid="GPU-1", memory=4096, cores=30, policy="hard", priority="high").render().decode()


def test_text_is_the_contract_of_share_h() -> None:
    assert TEXT == "version 1\ngpu GPU-1\nmemory 4096\ncores 30\npolicy hard\npriority high\n"


def test_file_of_an_earlier_plugin_has_no_priority() -> None:
    assert Limits.parse(TEXT.replace("priority high\n", "").encode()).priority == "low"


@given(LIMITS)
def test_what_is_written_is_read(limits: Limits) -> None:
    assert Limits.parse(limits.render()) == limits


def test_keys_of_a_newer_plugin_are_passed_over() -> None:
    assert Limits.parse(TEXT.encode() + b"window 3 10\nname \xff\nname \xfe\n") == Limits.parse(TEXT.encode())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "version is missing"),
        (TEXT.replace("memory 4096\n", ""), "memory is missing"),
        (TEXT.replace("memory 4096", "memory"), "'memory' is not a key and a value"),
        (TEXT.replace("4096", ""), "memory is missing"),
        (TEXT.replace("4096", "4g"), "memory is '4g', not a number"),
        (TEXT.replace("4096", "-1"), "memory is '-1', not a number"),
        (TEXT.replace("30", "³"), "cores is '³', not a number"),
        (TEXT.replace("4096", "9" * 200), "memory is '9+', not a number"),
        (TEXT.replace("version 1", "version 2"), "version 2 is not known"),
        (TEXT.replace("4096", str(2**63)), "memory is '9223372036854775808', not a number"),
        (TEXT + "cores 100\n", "cores stands twice"),
        (TEXT + "priority low\n", "priority stands twice"),
        (TEXT.replace("high", ""), "priority is missing"),
        (TEXT.replace("\n", "\r"), "not whole lines"),
        (TEXT.replace("\n", "\r\n"), "version is '1\\\\r', not a number"),
        (TEXT + "\n", "'' is not a key and a value"),
        (TEXT + "note " + 251 * "x" + "\n", "not whole lines"),
        (TEXT + 200 * "note that this is long\n", "not whole lines"),
        (TEXT + "note \0\n", "not whole lines"),
    ],
)
def test_anything_doubtful_is_refused(text: str, reason: str) -> None:
    with pytest.raises(LimitsError, match=reason):
        Limits.parse(text.encode())


@given(st.binary())
def test_no_content_gives_anything_but_limits_or_their_error(content: bytes) -> None:
    with suppress(LimitsError):
        Limits.parse(content)
