"""Compiles what runs on a real GPU, with this machine's own C compiler."""

import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
_NATIVE = REPOSITORY / "native"
_LOAD = ("load.c", "kernel.c")
_HOSTILE = REPOSITORY / "tests/native/hostile"
_COMPILERS = ("cc", "gcc", "clang")
_BUILT = REPOSITORY / "build/lib/libvgpu.so"


def compiler() -> list[str]:
    """The C compiler's command: $CC, or whichever is there."""
    found = next((name for name in _COMPILERS if shutil.which(name)), _COMPILERS[0])
    return shlex.split(os.environ.get("CC", found))


def any_library(folder: Path) -> Path:
    """The libvgpu.so that `make build` has left, or else compile it. Raises as `library` does."""
    return _BUILT if _BUILT.exists() else library(folder)


def library(folder: Path) -> Path:
    """Compile libvgpu.so into a folder. Raises OSError and subprocess.CalledProcessError."""
    made = folder / "libvgpu.so"
    options = ["-fPIC", "-fvisibility=hidden", *(["-mcx16"] if platform.machine() == "x86_64" else []), "-flto"]
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


def hook(folder: Path) -> Path:
    """Compile hami-dra-oci-hook into a folder. Raises as `library` does."""
    made = folder / "hami-dra-oci-hook"
    sources = [
        *sorted(_NATIVE.glob("ocihook/*.c")),
        *(_NATIVE / f"core/{name}.c" for name in ("limits", "bytes", "uuid")),
    ]
    _compile([*map(str, sources), "-o", str(made), "-ldl"])
    return made


def take(folder: Path) -> Path:
    """Compile what takes all memory that the driver gives, into a folder. Raises as `library` does."""
    made = folder / "take"
    _compile([*(str(_HOSTILE / name) for name in ("take.c", "symbols.c")), "-o", str(made), "-ldl"])
    return made


def own_loader(folder: Path) -> Path:
    """Compile what starts a program without preloads, into a folder. Raises as `library` does."""
    made = folder / "own_loader"
    _compile([str(_HOSTILE / "own_loader.c"), "-o", str(made)])
    return made


def _is_clang() -> bool:
    command = [*compiler(), "-dM", "-E", "-x", "c", "/dev/null"]
    return "__clang__" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _compile(arguments: list[str]) -> None:
    command = [*compiler(), "-D_GNU_SOURCE", "-I.", "-std=c11", "-O2", *arguments]
    subprocess.run(command, cwd=_NATIVE, check=True)
