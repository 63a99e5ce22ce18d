"""Compiles the programs that get around libvgpu.so."""

import fcntl
import subprocess
import sys
from pathlib import Path

_SOURCES = Path(__file__).parent
_BUILD = _SOURCES.parents[2] / "build/tests/hostile"


def compile_hostile() -> Path:
    """The folder of `take` and `own_loader`; whoever comes first compiles them, others wait."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(_SOURCES), f"OUT={_BUILD}", f"ZIGCC={sys.executable} -m ziglang cc"]
        made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return _BUILD
