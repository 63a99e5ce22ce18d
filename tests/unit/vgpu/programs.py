"""Compiles the C programs that test libvgpu.so and parts of the simulator."""

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.native.sanitizers import ROOT, Sanitizer

SOURCES = ROOT / "tests/native/core"


def compile_programs(sanitizer: Sanitizer | None = None, of: str = "core") -> Path:
    """The folder of the compiled programs of one folder in tests/native; whoever comes first compiles, others wait."""
    folder = (sanitizer.folder if sanitizer else ROOT / "build") / "tests" / of
    compiler = f"SANITIZE={sanitizer.flags}" if sanitizer else f"ZIGCC={sys.executable} -m ziglang cc"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            ["make", "-s", "-C", SOURCES.parent / of, f"OUT={folder}", compiler], capture_output=True, text=True
        )
    assert made.returncode == 0, made.stderr
    return folder
