"""Reads the health of all GPUs in a process of its own: NVML may block on an ill GPU, and has the driver open."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from pathlib import Path
from subprocess import PIPE

import msgspec

from hami_dra.nvml.reading import Reading

from .programs import (
    NvmlSilentError,
    ProgramError,
    SilentProgramError,
    begin_program,
    end_process,
    last_words,
    nvml_program,
)

_PATIENCE_SECONDS = 30.0
"""Of silence, after which an ill GPU holds NVML up. A line comes every second else."""
_LONGEST_LINE = 2**20


class HealthUnknownError(Exception):
    """The health of GPUs cannot be read; the text says why."""


async def watch_health(driver_root: Path) -> AsyncGenerator[tuple[Reading, ...], None]:
    """Yield the readings that changed, at least once a second, however few; at first all.

    Raises NvmlSilentError where that takes far longer, and HealthUnknownError.
    """
    process = await _begin(driver_root)
    try:
        while True:
            yield await _next(process)
    finally:
        await end_process(process)


async def _begin(driver_root: Path) -> Process:
    command = nvml_program("health", driver_root)
    try:
        return await begin_program(command, stdout=PIPE, stderr=PIPE, limit=_LONGEST_LINE)
    except SilentProgramError as error:
        raise NvmlSilentError(error.reason) from error
    except ProgramError as error:
        raise HealthUnknownError(str(error)) from error


async def _next(process: Process) -> tuple[Reading, ...]:
    assert process.stdout
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            line = await process.stdout.readline()
        if line:
            return msgspec.json.decode(line, type=tuple[Reading, ...])
    except TimeoutError:
        raise NvmlSilentError(f"NVML has not answered for {_PATIENCE_SECONDS:.0f} s") from None
    except ValueError as error:  # the driver's library may print, too
        raise HealthUnknownError(f"the process that asks NVML is not understood: {error}") from error
    raise HealthUnknownError(await last_words(process))
