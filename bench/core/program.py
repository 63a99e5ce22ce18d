"""Compiles a program that makes CUDA calls, and talks to it."""

import os
import platform
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

_SOURCE = Path(__file__).with_name("bench.c")
_T = TypeVar("_T")
_HEADERS = Path(__file__).parents[2] / "native"
_DEADLINE_S = 600  # for one answer: a library that starts processes one after the other takes minutes for 300


class ProgramError(Exception):
    """The program could not do what it was told, or died; the text says what."""


def compile_program(folder: Path, sources: Sequence[Path] = (_SOURCE,)) -> Path:
    """Compile C, bench.c if nothing else is said, into a folder; return the program's path. Raises ProgramError."""
    program = folder / sources[0].stem
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", f"{platform.machine()}-linux-gnu.2.17"]
    flags = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow", f"-I{_HEADERS}"]
    made = subprocess.run(
        [*compiler, *flags, "-o", program, *sources, "-ldl", "-lpthread"], capture_output=True, text=True
    )
    if made.returncode != 0:
        raise ProgramError(made.stderr)
    return program


class _Duration(msgspec.Struct):
    ns: float


class _Failure(msgspec.Struct):
    error: str | None = None


class Program:
    """A running program. It ends with the `with` block that it is started for."""

    def __init__(self, path: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [path, *arguments], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        with ExitStack() as stack:
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stack.callback(stream.close)
            self._process.wait()

    def send(self, command: str) -> None:
        """Give a command without waiting for its answer. Raises ProgramError."""
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), f"{command}\n".encode())
        except OSError as error:
            raise ProgramError(f"{command}: {error}") from error

    def stay_on_one_processor(self) -> None:
        """Keep its first thread, and those that this one starts, on the first of the processors that it may use."""
        os.sched_setaffinity(self.pid, {min(os.sched_getaffinity(self.pid))})

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def check_running(self) -> None:
        """Raise ProgramError, with the error that it told, if it has ended."""
        if self._process.poll() is not None:
            while True:
                self.read(_Failure)

    def read(self, kind: type[_T]) -> _T:
        """The answer to the oldest command that has none. Raises ProgramError."""
        line = self._line()
        try:
            error = msgspec.json.decode(line, type=_Failure).error
            if error is None:
                return msgspec.json.decode(line, type=kind)
        except msgspec.DecodeError as wrong:
            raise ProgramError(f"something else writes to its output: {line!r}") from wrong
        raise ProgramError(error)

    def receive(self) -> float:
        """The answer to the oldest command that has none: ns per operation. Raises ProgramError."""
        return self.read(_Duration).ns

    def ask(self, command: str) -> float:
        """Give a command and wait for its answer: ns per operation. Raises ProgramError."""
        self.send(command)
        return self.receive()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        while b"\n" not in self._read:
            if not select.select([output], [], [], _DEADLINE_S)[0]:
                raise ProgramError(f"no answer within {_DEADLINE_S} s")
            piece = os.read(output, 4096)
            if not piece:
                raise ProgramError(f"died with exit code {self._process.wait()}")
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        return line
