"""Every function of cuda.h 12.9 and 13.5 is judged, and the judgements agree with what libvgpu.so intercepts."""

import re

import pytest

from tools.cuda_functions.current import REPORT, current_report
from tools.cuda_functions.headers import WHEELS, functions, header
from tools.cuda_functions.hooks import Hook, hooks
from tools.cuda_functions.judgements import (
    JUDGEMENTS,
    Judgement,
    judgements_of,
    read_judgements,
)

_PER_THREAD_SUFFIX = re.compile(r"_(ptds|ptsz)$")


@pytest.fixture(scope="module")
def judgements() -> list[Judgement]:
    return read_judgements(JUDGEMENTS.read_text())


@pytest.fixture(scope="module")
def every_function() -> frozenset[str]:
    return frozenset().union(*(functions(version) for version in WHEELS))


def test_every_function_is_judged_once(judgements: list[Judgement], every_function: frozenset[str]) -> None:
    assert {"cuMemAlloc", "cuMemAlloc_v2", "cuMemAllocAsync_ptsz", "cuMemcpyHtoD_v2_ptds"} <= every_function
    assert [name for name in every_function if len(judgements_of(name, judgements)) != 1] == []


def test_every_name_in_the_judgements_is_a_functions(
    judgements: list[Judgement], every_function: frozenset[str]
) -> None:
    spoken_of = {name: Judgement("", False, (name,), "") for line in judgements for name in line.names}
    assert [name for name, line in spoken_of.items() if not any(map(line.speaks_of, every_function))] == []


def test_nothing_harmless_is_intercepted(judgements: list[Judgement], every_function: frozenset[str]) -> None:
    assert hooks().keys() <= every_function
    assert [name for name in hooks() if not judgements_of(name, judgements)[0].concerns] == []


def test_the_report_is_current() -> None:
    assert REPORT.read_text() == current_report(), "run `make cuda-functions`"


def _names_in_cuda_typedefs(hook: Hook) -> str:
    suffix = _PER_THREAD_SUFFIX.search(hook.name)
    return f"PFN_{hook.base}_v{hook.since}{suffix[0] if suffix else ''}"


def test_hooks_have_the_versions_of_nvidias_own_table() -> None:
    typedefs = "".join(header(version, "cudaTypedefs.h").read_text() for version in WHEELS)
    known = set(re.findall(r"\bPFN_\w+", typedefs))
    unknown = [name for name in map(_names_in_cuda_typedefs, hooks().values()) if name not in known]
    assert unknown == []


@pytest.mark.parametrize("text", ["harmless cuInit: why\n", "## A\nharmless cuInit\n", "## A\nsafe cuInit: why\n"])
def test_a_line_that_is_no_judgement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no judgement"):
        read_judgements(text)


def test_a_name_comes_before_a_pattern_and_speaks_of_all_versions() -> None:
    lines = read_judgements("## A\nharmless cuCtx*: reads\nconcerns cuCtxCreate cuCtxGetId_v2: takes\n")
    found = {name: judgements_of(name, lines) for name in ("cuCtxGetId", "cuCtxGetId_v2", "cuCtxCreate")}
    assert found == {"cuCtxGetId": lines[:1], "cuCtxGetId_v2": lines[1:], "cuCtxCreate": lines[1:]}
