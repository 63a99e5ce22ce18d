"""Compiles the C programs that test libvgpu.so."""

import fcntl
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "tests/native/core"
_PROGRAMS = ROOT / "build/tests/core"


def compile_programs() -> Path:
    """The folder of the compiled programs; whoever comes first compiles them, others wait."""
    _PROGRAMS.mkdir(parents=True, exist_ok=True)
    with (_PROGRAMS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compiler = f"ZIGCC={sys.executable} -m ziglang cc"
        made = subprocess.run(
            ["make", "-s", "-C", SOURCES, f"OUT={_PROGRAMS}", compiler], capture_output=True, text=True
        )
    assert made.returncode == 0, made.stderr
    return _PROGRAMS
