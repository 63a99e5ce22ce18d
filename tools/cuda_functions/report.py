"""The report on every function of cuda.h, as markdown."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tools.cuda_functions.judgements import Judgement

_HEAD = """\
# Every function of the CUDA driver

Written by `make cuda-functions` from the headers of CUDA {versions}, `tools/cuda_functions/judgements.txt` (what a
function means for a share) and `native/core/hooks.def` (what is intercepted). A test fails when a header brings a
function that nobody judged.

- **intercepted**: it takes, keeps, frees or shows device memory, or finds functions that do; programs get libvgpu.so's.
- **not yet**: it does, and passes unseen.
- **harmless**: it cannot bring a share over its limit.

| | functions |
|---|---|
{counts}
"""


def state(line: Judgement, intercepted: bool) -> str:
    """What the report says of a function."""
    if not line.concerns:
        return "harmless"
    return "intercepted" if intercepted else "not yet"


def render(
    families: Sequence[str],
    judged: Mapping[str, Judgement],
    intercepted: frozenset[str],
    versions: Mapping[str, frozenset[str]],
) -> str:
    """The whole report, family by family. `versions` has the functions of each CUDA version."""
    states = {function: state(line, function in intercepted) for function, line in judged.items()}
    counted = Counter(states.values())
    counts = "\n".join(f"| {name} | {counted[name]} |" for name in ("intercepted", "not yet", "harmless"))
    head = _HEAD.format(versions=" and ".join(versions), counts=counts)
    return "\n".join([head, *(_family(family, judged, states, versions) for family in families)])


def _family(
    family: str, judged: Mapping[str, Judgement], states: Mapping[str, str], versions: Mapping[str, frozenset[str]]
) -> str:
    rows: dict[tuple[Judgement, str], list[str]] = {}
    for function, line in judged.items():
        if line.family == family:
            rows.setdefault((line, states[function]), []).append(function)
    shown = [_row(names, how, line, versions) for (line, how), names in rows.items()]
    return "\n".join([f"## {family}\n", "| function | | what it does to a share |", "|---|---|---|", *shown, ""])


def _row(names: Sequence[str], how: str, line: Judgement, versions: Mapping[str, frozenset[str]]) -> str:
    shown = ", ".join(f"`{name}`{_only_in(name, versions)}" for name in names)
    return f"| {shown} | {how if how == 'harmless' else f'**{how}**'} | {line.why} |"


def _only_in(name: str, versions: Mapping[str, frozenset[str]]) -> str:
    having = [version for version, functions in versions.items() if name in functions]
    return "" if len(having) == len(versions) else f" ({', '.join(having)})"
