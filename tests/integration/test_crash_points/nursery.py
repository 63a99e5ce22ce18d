"""Starts plugins by forking a process that has imported all they need, many times as fast as from nothing.

Run as a program it is that process: each line of its input is a start in JSON, and its answer the PID.
"""

import json
import os
import select
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hami_dra.plugin.main import main


class Newborn:
    """A plugin's process. It is not a child of ours, so nobody can tell its exit status."""

    def __init__(self, pid: int) -> None:
        self._pidfd = os.pidfd_open(pid)
        self._ended = select.poll()
        self._ended.register(self._pidfd, select.POLLIN)
        weakref.finalize(self, os.close, self._pidfd)

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.poll(0)

    def kill(self) -> None:
        """SIGKILL, whether or not it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


class Nursery:
    """All plugins that are born in here have this environment and whatever it preloads.

    `inventory_reader` is the program that they start where they would have another Python ask NVML.
    """

    def __init__(self, environment: Mapping[str, str], inventory_reader: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, inventory_reader],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[3],
        )

    def start(self, flags: Sequence[str], log: Path) -> Newborn:
        """Start a plugin that appends what it has to say to `log`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([list(flags), str(log)]).encode() + b"\n")
        self._process.stdin.flush()
        return Newborn(int(self._process.stdout.readline()))

    def close(self) -> None:
        """Have no more plugins; those that live go on."""
        self._process.communicate()


def _serve() -> None:
    pid = None
    for line in sys.stdin:
        if pid:
            os.waitpid(pid, 0)  # not before, so that its PID is nobody else's until it has been looked up
        flags, log = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _be_plugin(flags, log)
        print(pid, flush=True)


def _be_plugin(flags: Sequence[str], log: str) -> None:
    null, written = os.open(os.devnull, os.O_RDWR), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for descriptor, file in ((0, null), (1, null), (2, written)):
        os.dup2(file, descriptor)
    sys.executable = sys.argv[1]
    sys.argv[1:] = flags
    sys.exit(main())


if __name__ == "__main__":
    _serve()
