"""Programs that answer in lines of JSON, and are killed if they do not in time: a GPU that is ill never does."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

PATIENCE_S = 60.0


class ProgramError(Exception):
    """A program ended, or was killed, without the answer that was waited for."""


@contextmanager
def killed_after(process: "subprocess.Popen[str]", seconds: float = PATIENCE_S) -> Iterator[None]:
    """Kill a process that is not done by then."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def answer(process: "subprocess.Popen[str]", seconds: float = PATIENCE_S) -> dict[str, Any]:
    """The next line of a program's output, read. Raises ProgramError."""
    assert process.stdout is not None
    with killed_after(process, seconds):
        line = process.stdout.readline()
        if not line:
            raise ProgramError(f"{process.args!r} ended with {process.wait()}: {_complaint(process.stderr)}")
    told: dict[str, Any] = json.loads(line)
    if "error" in told:
        raise ProgramError(f"{process.args!r}: {told['error']}")
    return told


def _complaint(errors: IO[str] | None) -> str:
    """The last of what it said of it."""
    return errors.read().strip()[-500:] if errors else ""
