"""Which of the driver's functions libvgpu.so intercepts, read from native/core/hooks.def."""

import re
from pathlib import Path
from typing import NamedTuple

HOOKS = Path(__file__).resolve().parents[2] / "native" / "core" / "hooks.def"

_ROW = re.compile(r"^HOOK\(CUDA,\s*(\w+),\s*(\w+),\s*(\w+),\s*(\d+),\s*(\w+),", re.MULTILINE)


class Hook(NamedTuple):
    """A row of hooks.def; its columns are explained there."""

    effect: str
    name: str
    base: str
    since: int
    stream: str


def hooks() -> dict[str, Hook]:
    """The rows of the CUDA driver's library, by name."""
    rows = (
        Hook(effect, name, base, int(since), stream)
        for effect, name, base, since, stream in _ROW.findall(HOOKS.read_text())
    )
    return {row.name: row for row in rows}
