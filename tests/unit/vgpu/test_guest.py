"""libvgpu.so in programs that do not use CUDA: it does nothing at all."""

import ctypes
import os
from collections import Counter
from pathlib import Path

import pytest

from hami_dra.native import lib
from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container, preload

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


@pytest.mark.not_sanitized(reason="the sanitizer is a library that it needs, and has a constructor")
def test_it_runs_no_constructor_and_needs_only_the_c_library(container: Container) -> None:
    lines = container.run(container.programs / "elf", lib("libvgpu.so")).stdout.splitlines()
    assert [line for line in lines if line.startswith(("needs", "constructs"))] == ["needs libc.so.6"]


def test_a_program_without_cuda_opens_nothing_of_ours(container: Container) -> None:
    container.grant(0, GIB)
    watch = Watch(container.shares)
    for command in (["true"], ["ls", "/"], ["sh", "-c", "echo | cat"]):
        assert container.run(*command).returncode == 0
    assert not watch.noticed()
    assert container.client().allocate(MIB)[0] == SUCCESS
    assert watch.noticed()
    watch.close()


def _calls(container: Container, preload: str, *command: str) -> Counter[str]:
    done = container.run(container.programs / "syscalls", preload, *command, LD_PRELOAD="")
    if done.returncode == 126:
        pytest.skip("a process may not trace its child here")
    assert done.returncode == 0, done.stderr
    return Counter(done.stderr.splitlines())


@pytest.mark.not_sanitized(reason="the sanitizer makes system calls of its own")
@pytest.mark.parametrize("command", [["true"], ["sh", "-c", "exit 0"], ["ls", "/"]], ids=["true", "sh", "ls"])
def test_a_program_without_cuda_pays_for_loading_it_and_nothing_more(container: Container, command: list[str]) -> None:
    library = str(lib("libvgpu.so"))
    container.grant(0, GIB)
    more = _calls(container, library, *command) - _calls(container, "", *command)
    opened = {Path(line.removeprefix("open ")).name for line in more if line.startswith("open ")}
    assert opened == {"libvgpu.so"}
    assert {line for line in more if not line.startswith("open ")} == {"load"}
    assert more["load"] <= 7  # read, fstat, close, mprotect; and mmap of its code, its data and its zeros


@pytest.mark.not_sanitized(reason="the sanitizer makes system calls of its own")
def test_a_program_with_cuda_opens_each_file_of_a_share_once(container: Container, tmp_path: Path) -> None:
    folder = container.folder(container.grant(0, GIB))
    commands = tmp_path / "commands"
    commands.write_text(f"device 0\nallocate alloc {MIB}\n")
    client = f"exec {container.programs / 'client'} dlsym < {commands}"
    calls = _calls(container, str(lib("libvgpu.so")), "sh", "-c", client)
    opened = [line.removeprefix("open ") for line in calls.elements() if str(container.shares) in line]
    assert sorted(opened) == [str(container.shares), str(folder / "limits"), str(folder / "region")]


STATE = """
import ctypes, json, os
from pathlib import Path

def state():
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "masks": [lines[name].strip() for name in ("Umask", "SigBlk", "SigIgn", "SigCgt", "NoNewPrivs")],
        "environment": dict(os.environ), "folder": os.getcwd(), "threads": lines["Threads"].strip(),
    }

before = state()
from cuda.bindings import driver as cuda
cuda.cuInit(0)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
granted = cuda.cuMemAlloc(1 << 20)[0].value
refused = cuda.cuMemAlloc(1 << 40)[0].value
inherited = [name for name in os.listdir("/proc/self/fd") if int(name) > 2 and os.path.exists("/proc/self/fd/" + name)
             and os.get_inheritable(int(name))]
print(json.dumps([granted, refused, before == state(), inherited]))
"""


def test_defect_9_a_program_with_cuda_keeps_its_umask_signals_and_descriptors(container: Container) -> None:
    container.grant(0, GIB)
    assert container.python(STATE) == [SUCCESS, OUT_OF_MEMORY, True, []]


def test_a_shell_prints_and_returns_as_ever(container: Container) -> None:
    container.grant(0, GIB)
    done = container.run("sh", "-c", "echo hello; exit 7", LIBCUDA_LOG_LEVEL="4")
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello\n", "")


@pytest.mark.not_sanitized(reason="the sanitizer is such a library itself")
def test_a_library_that_finds_its_own_functions_by_dlsym_when_it_is_loaded_can(container: Container) -> None:
    both = preload(lib("libvgpu.so"), container.programs / "libinterposer.so")
    done = container.run(container.programs / "layout", LD_PRELOAD=both)
    assert (done.returncode, done.stdout[:1]) == (0, "{")
