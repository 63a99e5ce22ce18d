"""Image layers that are slow to make, kept in the cache by what they are made from."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tools import debian
from tools.cache import cached
from tools.go_programs import Source, programs
from tools.oci import Layer, pack_layer, read_layer

_SUITE = "bookworm"
_PYTHON = (3, 11)  # that of the suite
SITE_PACKAGES = f"usr/local/lib/python{_PYTHON[0]}.{_PYTHON[1]}/dist-packages"
# What no program reads. Licences (usr/share/doc/*/copyright) stay.
_NOT_NEEDED = ("usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var/cache", "var/lib/apt")


def debian_layer(packages: Sequence[str]) -> Layer:
    """A Debian root of `packages` and what they depend on: unpacked only, so without package manager or shell."""

    def fill(root: Path) -> None:
        print(f"fetching a Debian root: {' '.join(packages)}", file=sys.stderr, flush=True)
        debian.install({"mmdebstrap": "mmdebstrap"})
        merged_usr = "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr"
        options = ["--quiet", "--variant=extract", "--format=directory", merged_usr, f"--include={','.join(packages)}"]
        subprocess.run(["mmdebstrap", *options, _SUITE, root], check=True)
        for folder in _NOT_NEEDED:
            shutil.rmtree(root / folder, ignore_errors=True)
        _compile_python(root, "usr/lib")

    return cached_layer("debian", f"{_SUITE} {sorted(packages)}", fill)


def python_layer(requirements: Sequence[str], constraints: Path) -> Layer:
    """PyPI's packages for the Python of the Debian layer, at the versions that `constraints` pins."""

    def fill(root: Path) -> None:
        print(f"fetching Python packages: {' '.join(requirements)}", file=sys.stderr, flush=True)
        pip_install(root, f"--constraint={constraints}", *requirements)

    return cached_layer("python", f"{sorted(requirements)} {constraints.read_text()}", fill)


def go_layer(source: Source) -> Layer:
    """The programs of `source` in /usr/bin."""
    return cached_layer(source.name, source.version, lambda root: _copy(programs(source), root / "usr/bin"))


def pip_install(root: Path, *what: str) -> None:
    """Install packages for the image's Python, whatever this machine's is; their commands are left out."""
    machine = os.uname().machine
    glibcs = range(17, 37)  # wheels for any glibc from 2.17 up to the suite's 2.36
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in glibcs]
    legacy = f"--platform=manylinux2014_{machine}"
    target = [f"--python-version={_PYTHON[0]}.{_PYTHON[1]}", "--only-binary=:all:", legacy, *platforms]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", f"--target={root / SITE_PACKAGES}"]
    subprocess.run([*install, *target, *what], check=True)
    shutil.rmtree(root / SITE_PACKAGES / "bin", ignore_errors=True)
    _compile_python(root, SITE_PACKAGES)


def _compile_python(root: Path, below: str) -> None:
    """Byte-compile the image's Python code, so that a container with a read-only root starts fast.

    Only an interpreter of the image's version can; elsewhere the code stays as it is and starts slower.
    """
    if sys.version_info[:2] != _PYTHON:
        return
    # Files of a layer have no time of their own, so compiled ones must not be checked against it.
    options = ["-q", "-q", "--invalidation-mode=unchecked-hash", "-s", str(root), "-p", "/"]
    subprocess.run([sys.executable, "-m", "compileall", *options, root / below], check=True)


def cached_layer(name: str, made_from: str, fill: Callable[[Path], None]) -> Layer:
    """The layer that `fill` makes in an empty folder; `made_from` says all that its content depends on."""
    key = hashlib.sha256(f"{os.uname().machine} {made_from}".encode()).hexdigest()[:12]

    def make(folder: Path) -> None:
        root = folder / "root"
        root.mkdir()
        fill(root)
        pack_layer(root, folder)
        shutil.rmtree(root)

    return read_layer(cached(f"layers/{name}-{key}", make))


def _copy(folder: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for program in folder.iterdir():
        shutil.copy(program, target)
