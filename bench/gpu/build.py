"""Compiles libvgpu.so and the program that keeps a GPU busy, with this machine's own C compiler."""

import os
import shlex
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_NATIVE = REPOSITORY / "native"
_LOAD = ("load.c", "kernel.c")


def compiler() -> list[str]:
    """The C compiler's command."""
    return shlex.split(os.environ.get("CC", "cc"))


def library(folder: Path) -> Path:
    """Compile libvgpu.so into a folder. Raises OSError and subprocess.CalledProcessError."""
    made = folder / "libvgpu.so"
    options = ["-fPIC", "-fvisibility=hidden", "-mcx16", "-flto"]
    link = ["-shared", "-Wl,--version-script,core/libvgpu.map", "-o", str(made), "-lpthread", "-ldl"]
    # gcc leaves operations on 16 bytes to a library of its own; others may not have it.
    atomic = [] if _is_clang() else ["-latomic"]
    _compile([*options, *sorted(str(path) for path in _NATIVE.glob("core/*.c")), *link, *atomic])
    return made


def load(folder: Path) -> Path:
    """Compile bench/compute/load.c into a folder. Raises as `library` does."""
    made = folder / "load"
    sources = [str(REPOSITORY / "bench/compute" / name) for name in _LOAD]
    _compile([*sources, "-o", str(made), "-lpthread", "-ldl"])
    return made


def _is_clang() -> bool:
    command = [*compiler(), "-dM", "-E", "-x", "c", "/dev/null"]
    return "__clang__" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _compile(arguments: list[str]) -> None:
    command = [*compiler(), "-D_GNU_SOURCE", "-I.", "-std=c11", "-O2", *arguments]
    subprocess.run(command, cwd=_NATIVE, check=True)
