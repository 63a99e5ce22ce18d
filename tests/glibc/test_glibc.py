"""What is put on nodes, on the oldest and the newest C library that Debian has: `make glibc`."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.ocihook.hook import Hook
from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container
from tools.glibc import NEWEST, OLD, Suite, UnreachableError, glibc


def _first_reachable(suites: Sequence[Suite]) -> Path:
    problems = []
    for suite in suites:
        try:
            return glibc(suite)
        except UnreachableError as error:
            problems.append(f"{suite.name}: {error}")
    pytest.skip("; ".join(problems))


eras = pytest.mark.parametrize("suites", [OLD, [NEWEST]], ids=["oldest", "newest"])


@eras
def test_a_program_is_held_to_its_share(container: Container, suites: Sequence[Suite]) -> None:
    folder = _first_reachable(suites)
    (loader,) = folder.glob("ld-linux-*.so.*")
    libraries = f"{folder}:{container.machine.library_dir}"
    container.grant(0, GIB)
    client = container.client(through=[loader, "--library-path", libraries])
    maps = Path(f"/proc/{client.pid}/maps").read_text()
    assert str(folder) in maps
    assert "libvgpu.so" in maps
    assert client.allocate(GIB + MIB)[0] == OUT_OF_MEMORY
    assert client.allocate(GIB)[0] == SUCCESS
    assert client.info() == (0, GIB)


@pytest.mark.parametrize(("suites", "found"), [(OLD, ""), ([NEWEST], "finds\n")], ids=["oldest", "newest"])
def test_a_program_without_libdl_is_given_none(container: Container, suites: Sequence[Suite], found: str) -> None:
    folder = _first_reachable(suites)
    (loader,) = folder.glob("ld-linux-*.so.*")
    container.grant(0, GIB)
    done = container.run(loader, "--library-path", str(folder), container.programs / "no_libdl")
    assert (done.returncode, done.stdout, done.stderr) == (0, found, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")
@eras
def test_a_container_is_limited_by_the_driver(hook: Hook, suites: Sequence[Suite]) -> None:
    folder = _first_reachable(suites)
    (loader,) = folder.glob("ld-linux-*.so.*")
    assert hook.run(hook.share("one", 0, GIB), wrapper=(str(loader), "--library-path", str(folder))) == ""
    assert [limit.hard for limit in hook.limits(0)] == [GIB]
