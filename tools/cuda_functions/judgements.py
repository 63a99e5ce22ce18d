"""What each function means for a share, as judgements.txt has it."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

JUDGEMENTS = Path(__file__).with_name("judgements.txt")

_LINE = re.compile(r"(concerns|harmless) ([\w*? ]+): (\S.*)")
_VARIANT = re.compile(r"(_v\d+)?(_ptds|_ptsz)?$")


@dataclass(frozen=True)
class Judgement:
    """One line: what the functions of these names, which may have wildcards, do to a share."""

    family: str
    concerns: bool
    names: tuple[str, ...]
    why: str

    def names_it(self, function: str) -> bool:
        """Whether it has the function's full name."""
        return function in self.names

    def speaks_of(self, function: str) -> bool:
        """Whether it has a pattern of the function's name, or of the name of which the function is a version."""
        base = _VARIANT.sub("", function)
        return any(fnmatch.fnmatchcase(name, pattern) for name in (function, base) for pattern in self.names)


def read_judgements(text: str) -> list[Judgement]:
    """All judgements, in their order. Raises ValueError on a line that is none."""
    family = ""
    judgements = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            family = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            match = _LINE.fullmatch(line)
            if match is None or not family:
                raise ValueError(f"line {number} is no judgement: {line}")
            judgements.append(Judgement(family, match[1] == "concerns", tuple(match[2].split()), match[3]))
    return judgements


def judgements_of(function: str, judgements: Sequence[Judgement]) -> list[Judgement]:
    """Those that speak of the function, a name before a pattern: exactly one, if it was judged."""
    by_name = [line for line in judgements if line.names_it(function)]
    return by_name or [line for line in judgements if line.speaks_of(function)]
