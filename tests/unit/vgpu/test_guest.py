"""libvgpu.so in programs that do not use CUDA: it does nothing at all."""

import ctypes
import os
from pathlib import Path

from hami_dra.native import lib
from tests.unit.vgpu.container import GIB, MIB, SUCCESS, Container

_IN_OPEN, _IN_ACCESS = 0x20, 0x1


class Watch:
    """Notices when anything below a folder is opened or read."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK)
        for path in (folder, *folder.rglob("*")):
            assert libc.inotify_add_watch(self._descriptor, os.fsencode(path), _IN_OPEN | _IN_ACCESS) >= 0

    def noticed(self) -> bool:
        try:
            return bool(os.read(self._descriptor, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._descriptor)


def test_it_runs_no_constructor_and_needs_only_the_c_library(container: Container) -> None:
    lines = container.run(container.programs / "elf", lib("libvgpu.so")).stdout.splitlines()
    assert [line for line in lines if line.startswith(("needs", "constructs"))] == [
        "needs libc.so.6",
        "needs libdl.so.2",
    ]


def test_a_program_without_cuda_opens_nothing_of_ours(container: Container) -> None:
    container.grant(0, GIB)
    watch = Watch(container.shares)
    for command in (["true"], ["ls", "/"], ["sh", "-c", "echo | cat"]):
        assert container.run(*command).returncode == 0
    assert not watch.noticed()
    assert container.client().allocate(MIB)[0] == SUCCESS
    assert watch.noticed()
    watch.close()


def test_a_shell_prints_and_returns_as_ever(container: Container) -> None:
    container.grant(0, GIB)
    done = container.run("sh", "-c", "echo hello; exit 7", LIBCUDA_LOG_LEVEL="4")
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello\n", "")


def test_a_library_that_finds_its_own_functions_by_dlsym_when_it_is_loaded_can(container: Container) -> None:
    ours_and_theirs = f"{lib('libvgpu.so')}:{container.programs / 'libinterposer.so'}"
    done = container.run(container.programs / "layout", LD_PRELOAD=ours_and_theirs)
    assert (done.returncode, done.stdout[:1]) == (0, "{")
