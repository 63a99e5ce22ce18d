"""The fuzz targets, each with a corpus that is kept: how they are built and run."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.native.sanitizers import SANITIZERS

_SOURCES = Path(__file__).parent
_CORPUS = _SOURCES / "corpus"
_BUILD = SANITIZERS["address"]

TARGETS = sorted(folder.name for folder in _CORPUS.iterdir())


def build() -> Path:
    """Compile the targets; return their folder."""
    folder = _BUILD.folder / "tests/fuzz"
    make = ["make", "--no-print-directory", "-s", f"-j{os.cpu_count()}", "-C", str(_SOURCES)]
    subprocess.run([*make, f"SANITIZE={_BUILD.flags}", f"OUT={folder}"], check=True)
    return folder


def run(
    program: Path, found: Path, environment: Mapping[str, str], *, runs: int, seconds: int, seed: int
) -> "subprocess.CompletedProcess[str]":
    """Run a target on its corpus and on mutations of it, until `runs` or `seconds` are over; `found` gets what is new.

    It prints how many inputs it ran, and how many of them were new.
    """
    command: list[str | Path] = [program, str(runs), str(seconds), str(seed), found, _CORPUS / program.name]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
