"""Runs programs that may take long: NVIDIA's tools wake GPUs, and a GPU that is ill may not answer."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import Process
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

_log = logging.getLogger(__name__)

_GRACE_SECONDS = 2
_MOST_LEFT = 3
"""Processes of a command that a driver holds in the kernel, where no kill reaches them: each further one may be held
likewise, and they would become many."""

_begun: defaultdict[tuple[str, ...], list[Process]] = defaultdict(list)
"""Those of each command that have not ended, as far as was known when one was begun last."""


class NvmlSilentError(Exception):
    """NVML does not answer, which one GPU that hangs can bring about; the text says for how long it was waited for."""


class ProgramError(Exception):
    """A program did not do what it was asked; `reason` is why, the text says what was asked too."""

    def __init__(self, command: Sequence[str], reason: str) -> None:
        super().__init__(f"`{' '.join(command)}` failed: {reason}")
        self.reason = reason


class SilentProgramError(ProgramError):
    """A program did not answer in time, or too many are left that did not."""


def nvml_program(name: str, driver_root: Path) -> list[str]:
    """The command line of a program of `hami_dra.nvml`, which ends with this process, however this ends."""
    return [sys.executable, "-m", f"hami_dra.nvml.{name}", str(driver_root), str(os.getpid())]


async def begin_program(command: Sequence[str], **how: Any) -> Process:
    """Begin a program, `how` as asyncio has it; `end_process` ends it.

    Raises ProgramError, and SilentProgramError where earlier ones of the same command cannot be ended.
    """
    left = _begun[tuple(command)]
    left[:] = [each for each in left if each.returncode is None]
    if len(left) >= _MOST_LEFT:
        raise SilentProgramError(command, f"no answer: the driver holds the {len(left)} processes that asked it last")
    try:
        process = await asyncio.create_subprocess_exec(*command, **how)
    except OSError as error:
        raise ProgramError(command, str(error)) from error
    left.append(process)
    return process


async def run_program(command: Sequence[str], *, given: bytes = b"", seconds: float) -> bytes:
    """What a program writes to standard output; what it complains about is logged, or the reason of its failure.

    It is killed after as many `seconds` and when the caller is cancelled. Raises ProgramError, after those seconds a
    SilentProgramError.
    """
    process = await begin_program(command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(seconds):
            output, errors = await process.communicate(given)
    except TimeoutError:
        raise SilentProgramError(command, f"no answer within {seconds:.0f} s") from None
    finally:
        await end_process(process)
    complaints = errors.decode(errors="replace").strip()
    if process.returncode:
        raise ProgramError(command, complaints or f"exit status {process.returncode}")
    for line in complaints.splitlines():
        _log.warning("%s", line)
    return output


async def last_words(process: Process) -> str:
    """Why a program that asks NVML has ended, as it said itself."""
    assert process.stderr
    complaint = (await process.stderr.read()).decode(errors="replace").strip()
    return complaint or "the process that asks NVML ended"


async def end_process(process: Process) -> None:
    """Leave no process and no pipe behind, but wait for none that a driver holds in the kernel."""
    assert process.stdout
    if process.stdout.at_eof():  # it ends by itself: a kill at that moment would take its exit status from asyncio
        await _ended(process)
    if process.returncode is None:
        process.kill()
        await _ended(process)


async def _ended(process: Process) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(process.communicate(), _GRACE_SECONDS)
