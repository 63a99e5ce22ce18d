"""The log: it says why memory is refused, where it is asked to, and does nothing else to the program."""

import sys
from pathlib import Path

import pytest

from tests.unit.vgpu.container import GIB, MIB, Container

ALLOCATE_TWICE = """
from cuda.bindings import driver as cuda

cuda.cuInit(0)
cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(0)[1])
cuda.cuMemAlloc(1)
cuda.cuMemAlloc(1)
"""


@pytest.fixture
def broken(container: Container) -> Path:
    """The region of the container's share, which is not there."""
    region = container.folder(container.grant(0, GIB)) / "region"
    region.unlink()
    return region


def test_the_log_says_why_once_and_only_if_asked(container: Container, broken: Path) -> None:
    command = [sys.executable, "-c", ALLOCATE_TWICE]
    assert container.run(*command).stderr == ""
    logged = container.run(*command, LIBCUDA_LOG_LEVEL="0").stderr
    assert logged.count("\n") == 1
    assert f"{broken}: does not exist; no memory is given from it" in logged
    assert "refused 512 bytes: 1073741824 of 1073741824 in use" in container.run(*command, LIBCUDA_LOG_LEVEL="3").stderr


@pytest.mark.usefixtures("broken")
def test_the_log_goes_to_a_file_if_asked(container: Container, tmp_path: Path) -> None:
    command, log = [sys.executable, "-c", ALLOCATE_TWICE], tmp_path / "log"
    for _ in range(2):
        assert container.run(*command, LIBCUDA_LOG_LEVEL="0", LIBCUDA_LOG_FILE=str(log)).stderr == ""
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    assert all("does not exist; no memory is given from it" in line for line in lines)


@pytest.mark.usefixtures("broken")
def test_a_log_file_that_cannot_be_written_leaves_standard_error(container: Container) -> None:
    done = container.run(sys.executable, "-c", ALLOCATE_TWICE, LIBCUDA_LOG_LEVEL="0", LIBCUDA_LOG_FILE="/nowhere/log")
    assert "does not exist; no memory is given from it" in done.stderr


# A program that is refused memory, with which the log has a line to write, and says what that has done to it. Python
# itself ignores the signals that a program of C is killed by.
REFUSED = """
import ctypes, fcntl, json, os, resource, signal, socket

cuda = ctypes.CDLL("libcuda.so.1", use_errno=True)
context, address = ctypes.c_void_p(), ctypes.c_uint64()
assert cuda.cuInit(0) == cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == cuda.cuCtxSetCurrent(context) == 0

def refuse():
    ctypes.set_errno(77)
    return cuda.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(1 << 40)), ctypes.get_errno()

def state():
    lines = dict(line.split(":", 1) for line in open("/proc/thread-self/status").read().splitlines())
    names = [f"/proc/self/fd/{number}" for number in range(64)]
    files = {name: os.readlink(name) for name in names if os.path.islink(name)}
    return [lines[name].strip() for name in ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt")] + [files]

for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
refuse()  # what is opened and found out once is
"""

NOBODY_READS_THE_PIPE = "r, w = os.pipe(); os.close(r); os.dup2(w, 2)"

ERRORS = {
    "closed": "os.close(2)",
    "a pipe that nobody reads": NOBODY_READS_THE_PIPE,
    "one with the signal blocked": f"{NOBODY_READS_THE_PIPE}; signal.pthread_sigmask(signal.SIG_BLOCK, {{13}})",
    "one with a signal waiting": f"{NOBODY_READS_THE_PIPE}; signal.pthread_sigmask(signal.SIG_BLOCK, {{13}});"
    "signal.raise_signal(13)",
    "a socket that nobody reads": "one, other = socket.socketpair(); other.close(); os.dup2(one.fileno(), 2)",
    "a pipe that is full": "r, w = os.pipe(); os.dup2(w, 2); fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096);"
    "os.write(w, bytes(4096))",
    "a file that may not grow": "os.dup2(os.open(os.environ['LOG'], os.O_WRONLY | os.O_CREAT), 2);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
}


@pytest.mark.parametrize("error", ERRORS)
def test_a_line_that_cannot_be_written_does_nothing_to_the_program(
    container: Container, error: str, tmp_path: Path
) -> None:
    container.grant(0, GIB)
    program = f"{REFUSED}{ERRORS[error]}\nbefore = state()\nprint(json.dumps([*refuse(), before, state()]))\n"
    result, errno, before, after = container.python(program, LIBCUDA_LOG_LEVEL="3", LOG=str(tmp_path / "log"))
    assert (result, errno) == (2, 77)
    assert before == after


def test_a_log_file_does_not_become_standard_error_where_that_is_closed(container: Container, tmp_path: Path) -> None:
    container.grant(0, GIB)
    log = tmp_path / "log"
    program = f"{REFUSED}os.close(2)\nbefore = state()\nprint(json.dumps([*refuse(), before, state()]))\n"
    result, errno, before, after = container.python(program, LIBCUDA_LOG_LEVEL="3", LIBCUDA_LOG_FILE=str(log))
    assert (result, errno) == (2, 77)
    assert before == after
    assert log.read_text().count("refused 1099511627776 bytes") == 2


# Goes on in the background of a terminal that stops whoever writes to it from there.
IN_THE_BACKGROUND = """
import fcntl, json, os, sys, termios

os.setsid()
master, terminal = os.openpty()
fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
mode = termios.tcgetattr(terminal)
mode[3] |= termios.TOSTOP
termios.tcsetattr(terminal, termios.TCSANOW, mode)
child = os.fork()
if child != 0:
    _, status = os.waitpid(child, os.WUNTRACED)
    written = os.read(master, 1000).decode() if status == 0 else ""
    print(json.dumps([os.WIFSTOPPED(status), status, written]))
    sys.exit()
os.setpgid(0, 0)
"""


def test_a_terminal_does_not_stop_a_program_for_the_log(container: Container) -> None:
    container.grant(0, MIB)
    program = f"{IN_THE_BACKGROUND}{REFUSED}os.dup2(terminal, 2)\nos._exit(refuse() != (2, 77))\n"
    stopped, status, line = container.python(program, LIBCUDA_LOG_LEVEL="3")
    assert (stopped, status) == (False, 0)
    assert "refused 1099511627776 bytes" in line
