"""Reads and keeps the driver's memory limits in a process of its own: NVML may block, and has the driver open."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import msgspec

from hami_dra.nvml.holders import Holder, Holding

from .programs import end_process, nvml_program

_PATIENCE_SECONDS = 30.0
"""After which an ill GPU holds NVML up."""
_LONGEST_LINE = 2**24


class MemoryUnknownError(Exception):
    """What containers use of GPUs, and are held to, cannot be read; the text says why."""


class MemoryProcess:
    """The process is there from the first question on; after one that failed the next one begins anew."""

    def __init__(self, driver_root: Path) -> None:
        self._driver_root = driver_root
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, holders: Sequence[Holder]) -> tuple[Holding, ...]:
        """What was found of each holder, in order, limits mended where they were amiss. Raises MemoryUnknownError."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._ask(holders)
        except TimeoutError:
            await self.end()
            raise MemoryUnknownError(f"NVML has not answered for {_PATIENCE_SECONDS:.0f} s") from None
        except (OSError, ValueError) as error:
            await self.end()
            raise MemoryUnknownError(f"the process that asks NVML is not understood: {error}") from error
        except BaseException:
            await self.end()
            raise

    async def _ask(self, holders: Sequence[Holder]) -> tuple[Holding, ...]:
        process = self._process = self._process or await self._begin()
        assert process.stdin
        assert process.stdout
        assert process.stderr
        with suppress(ConnectionError):  # it ended: what it said last tells why
            process.stdin.write(msgspec.json.encode(holders) + b"\n")
            await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            complaint = (await process.stderr.read()).decode(errors="replace").strip()
            raise MemoryUnknownError(complaint or "the process that asks NVML ended")
        return msgspec.json.decode(line, type=tuple[Holding, ...])

    async def _begin(self) -> asyncio.subprocess.Process:
        command = nvml_program("memory", self._driver_root)
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_LONGEST_LINE)

    async def end(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            await end_process(process)
