"""Reads and keeps the driver's memory limits in a process of its own: NVML may block, and has the driver open."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import msgspec

from hami_dra.nvml.holders import Holder, Holding

from .programs import ProgramError, begin_program, end_process, last_words, nvml_program

_PATIENCE_SECONDS = 30.0
"""After which NVML is given up on, where no GPU answers."""
_LATECOMERS_SECONDS = 5.0
"""So long the other GPUs are waited for when one has answered."""
_LONGEST_LINE = 2**24


class MemoryUnknownError(Exception):
    """What containers use of GPUs, and are held to, cannot be read; the text says why."""


class MemoryProcess:
    """The process is there from the first question on; after one that failed the next one begins anew.

    A GPU that hangs keeps no other from being asked, and is asked again when it has answered what it was asked last.
    """

    def __init__(self, driver_root: Path) -> None:
        self._driver_root = driver_root
        self._process: Process | None = None
        self._owing: set[str] = set()

    async def ask(self, holders: Sequence[Holder]) -> tuple[Holding, ...]:
        """What was found of the holders, limits mended where they were amiss; those of each GPU in order.

        Those of a GPU that does not answer are left out; of one that answers late there is what was asked then. Raises
        MemoryUnknownError where none answers.
        """
        try:
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
        asked = [holder for holder in holders if holder.gpu_uuid not in self._owing]
        gpus = {holder.gpu_uuid for holder in asked}
        self._owing |= gpus
        assert process.stdin
        with suppress(ConnectionError):  # it ended: what it said last tells why
            process.stdin.write(msgspec.json.encode(asked) + b"\n")
            await process.stdin.drain()
        found: list[Holding] = []
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS) as patience:
                while not found or gpus & self._owing:
                    found += await self._answer(process)
                    end = asyncio.get_running_loop().time() + _LATECOMERS_SECONDS
                    patience.reschedule(min(end, patience.when() or end))
        except TimeoutError:
            if not found:
                raise
        return tuple(found)

    async def _answer(self, process: Process) -> tuple[Holding, ...]:
        """What was found on the GPU that answers next."""
        assert process.stdout
        line = await process.stdout.readline()
        if not line:
            raise MemoryUnknownError(await last_words(process))
        answer = msgspec.json.decode(line, type=tuple[Holding, ...])
        self._owing -= {holding.gpu_uuid for holding in answer}
        return answer

    async def _begin(self) -> Process:
        command = nvml_program("memory", self._driver_root)
        try:
            return await begin_program(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_LONGEST_LINE)
        except ProgramError as error:
            raise MemoryUnknownError(str(error)) from error

    async def end(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        self._owing.clear()
        if process:
            await end_process(process)
