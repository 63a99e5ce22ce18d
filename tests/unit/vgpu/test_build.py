"""What is put on nodes: for both architectures, for old C libraries, with its debug information beside it."""

import fcntl
import subprocess
import sys
import zlib
from collections import defaultdict
from pathlib import Path

import pytest

from hami_dra.native import lib
from tests.native.sanitizers import ROOT

pytestmark = pytest.mark.not_sanitized(reason="it is about the build that is shipped")

OLDEST_GLIBC = (2, 17)
MACHINES = {"x86_64": "62", "aarch64": "183"}  # EM_X86_64, EM_AARCH64


PROGRAMS = ("libvgpu.so", "hami-dra-oci-hook")


@pytest.fixture(scope="session")
def folders() -> dict[str, Path]:
    """Where they lie by architecture; those for aarch64 are compiled by whichever worker comes first."""
    out = ROOT / "build" / "aarch64"
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(ROOT / "native"), "ARCH=aarch64", f"OUT={out}", f"PYTHON={sys.executable}"]
        made = subprocess.run([*command, *(str(out / name) for name in PROGRAMS)], capture_output=True, text=True)
        assert (made.returncode, made.stderr) == (0, "")
    return {"x86_64": lib("libvgpu.so").parent, "aarch64": out}


def _read(programs: Path, library: Path) -> dict[str, set[str]]:
    """What tests/native/core/elf.c tells of a library, by kind."""
    done = subprocess.run([programs / "elf", library], capture_output=True, text=True, check=True)
    found: dict[str, set[str]] = defaultdict(set)
    for line in done.stdout.splitlines():
        kind, _, name = line.partition(" ")
        found[kind].add(name)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("architecture", MACHINES)
def test_it_needs_nothing_newer_than_the_oldest_glibc(
    folders: dict[str, Path], programs: Path, architecture: str, name: str
) -> None:
    found = _read(programs, folders[architecture] / name)
    assert found["machine"] == {MACHINES[architecture]}
    wanted = {tuple(int(part) for part in version.removeprefix("GLIBC_").split(".")) for version in found["wants"]}
    assert wanted
    assert max(wanted) <= OLDEST_GLIBC
    assert {library.partition(".so")[0] for library in found["needs"]} <= {
        "libc",
        "libdl",
        "libpthread",
        "ld-linux-x86-64",
    }


def test_the_library_is_the_same_on_both_architectures(folders: dict[str, Path], programs: Path) -> None:
    first, second = (_read(programs, folder / "libvgpu.so") for folder in folders.values())
    assert first["exports"] == second["exports"]
    assert first["needs"] == second["needs"]
    assert not first["constructs"] | second["constructs"]


@pytest.mark.parametrize("architecture", MACHINES)
def test_no_variable_costs_processes_a_page_by_beginning_with_anything_but_0(
    folders: dict[str, Path], programs: Path, architecture: str
) -> None:
    """For aarch64 the compiler's own library has such a variable, which nothing of ours uses."""
    assert ".data" not in _read(programs, folders[architecture] / "libvgpu.so")["section"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_debug_information_lies_beside_it_and_is_found_by_name_and_checksum(programs: Path, name: str) -> None:
    stripped = lib(name)
    debug = stripped.with_name(f"{name}.debug")
    checksum = zlib.crc32(debug.read_bytes()).to_bytes(4, sys.byteorder)
    link = debug.name.encode() + b"\0"
    assert link.ljust(-(-len(link) // 4) * 4, b"\0") + checksum in stripped.read_bytes()
    has, whole = _read(programs, stripped), _read(programs, debug)
    assert not has["section"] & {".debug_info", ".debug_line", ".symtab", ".strtab"}
    assert {".debug_info", ".debug_line", ".symtab"} <= whole["section"]
    assert has["exports"] == whole["exports"]
