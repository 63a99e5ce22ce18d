"""Keeps the driver's memory limits true while containers run, and notices containers that have more than theirs."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Never

from hami_dra.cgroups import is_gone, unified_mount
from hami_dra.gpu import Holding, MemoryProcess, MemoryUnknownError
from hami_dra.shares import Container, NotedShare, Share, ShareFolders, containers, noted_shares, remove_note

from .memory_news import MemoryNews
from .node import GpuNode
from .share_memory import ContainerKey, ShareMemory, assess, holder

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_SECOND_LOOK_SECONDS = 1.0
"""After a first sight of overuse: so it is told of 3 s after it began, or sooner, and is to be within 10."""


class MemoryGuard:
    """`memory` is what was found last of each limited share, by its name, and `holdings` of each container on a GPU;
    `repairs` counts limits that were set anew, by GPU.

    Without containers that the hook has noted there is nothing to ask, and no process that has NVML open.
    """

    def __init__(self, driver_root: Path, folders: ShareFolders, news: MemoryNews) -> None:
        self._folders = folders
        self._news = news
        self._process = MemoryProcess(driver_root)
        self._driver: frozenset[tuple[str, str | None]] = frozenset()
        self._limited: Mapping[ContainerKey, int] = {}
        self._over: set[str] = set()
        self._is_in_doubt = False
        self._problem = ""
        self._is_stale = False
        self.memory: Mapping[str, ShareMemory] = {}
        self.holdings: Mapping[ContainerKey, Holding] = {}
        self.repairs: dict[str, int] = {}

    def of(self, share: Share) -> ShareMemory:
        """What is known of a share; one without containers is as it was laid out."""
        known = self.memory.get(share.name)
        return known if known and known.share == share else ShareMemory(share, share.memory)

    def follow(self, node: GpuNode) -> None:
        """Ask the NVML of the driver that the node has now."""
        driver = frozenset((gpu.uuid, gpu.driver_version) for gpu in node.gpus.values())
        if driver != self._driver:
            self._driver = driver
            self._is_stale = True

    async def run(self) -> Never:
        """Look in intervals until cancelled."""
        try:
            while True:
                await asyncio.sleep(_SECOND_LOOK_SECONDS if self._is_in_doubt else _LOOK_SECONDS)
                try:
                    await self.look()
                except OSError as error:
                    self._complain(str(error))
        finally:
            await self.end()

    async def end(self) -> None:
        """End the process that asks NVML; the next look begins one anew."""
        await self._process.end()

    async def look(self) -> None:
        """Read once what containers use, mend limits that are amiss, and tell what has changed.

        Of shares of a GPU that does not answer, what was known stays, but for what is used.
        """
        self._is_in_doubt = False
        try:
            found = await self._find()
        except MemoryUnknownError as error:
            self._complain(str(error))
            self.memory = _of_silent(self.memory, self.memory)
            self.holdings = {}
            return
        self._complain(f"NVML does not answer for {', '.join(sorted(found.silent))}" if found.silent else "")
        self.holdings = found.holdings
        silent = {each.share.name for each in found.shares if each.share.gpu_uuid in found.silent}
        seen = assess([each for each in found.shares if each.share.name not in silent], found.running, found.holdings)
        before, self.memory = self.memory, self._believed(seen, silent) | _of_silent(self.memory, silent)
        self._count_repairs(found)
        self._news.look(before, self.memory, found.running)

    async def _find(self) -> "_Found":
        """The shares, their containers, and what these hold, with limits as the shares say.

        Whoever changes what a container may have, changes the shares first and sets the limit then. So what was set
        here is right if the shares are still the same; else it may have undone what another set.
        """
        shares = await asyncio.to_thread(self._read_notes)
        while True:
            running = containers(shares)
            holdings, silent = await self._ask(running)
            found = _Found(shares, running, holdings, silent)
            if all(each.limited != "repaired" for each in holdings.values()):
                return found
            before, shares = shares, await asyncio.to_thread(self._read_notes)
            if shares == before:
                return found

    def _complain(self, problem: str) -> None:
        if problem not in ("", self._problem):
            _log.warning("memory limits of containers cannot be looked after: %s", problem)
        self._problem = problem

    async def _ask(self, running: Sequence[Container]) -> tuple[dict[ContainerKey, Holding], set[str]]:
        """What the containers hold, and the GPUs that do not tell of all of theirs."""
        if self._is_stale or not running:
            self._is_stale = False
            await self._process.end()
        if not running:
            return {}, set()
        answers = {(each.gpu_uuid, each.cgroup): each for each in await self._process.ask(list(map(holder, running)))}
        holdings, silent = {}, set()
        for each in running:
            answer = answers.get((each.gpu_uuid, str(each.cgroup)))
            if answer is None:
                silent.add(each.gpu_uuid)
            elif answer.limited != "missing" or each.cgroup.is_dir():  # one that ended meanwhile can have no limit
                holdings[each.container_id, each.gpu_uuid] = answer
        return holdings, silent

    def _read_notes(self) -> list[NotedShare]:
        """The shares with the containers that run on them; notes of others go."""
        mount = unified_mount()
        shares = []
        for noted in noted_shares(self._folders.root, self._folders.shares()):
            gone = [note for note in noted.notes if is_gone(note.cgroup, mount)]
            for note in gone:
                remove_note(self._folders.path(noted.share), note.container_id)
            shares.append(
                NotedShare(noted.share, noted.memory, tuple(note for note in noted.notes if note not in gone))
            )
        return shares

    def _believed(self, seen: Mapping[str, ShareMemory], silent: Set[str]) -> dict[str, ShareMemory]:
        """Overuse counts when it is seen twice in a row: what NVML says is not of one moment."""
        before, self._over = self._over, {name for name, each in seen.items() if each.overuse} | (self._over & silent)
        self._is_in_doubt = not self._over <= before
        return {name: each if name in before else replace(each, overuse=0) for name, each in seen.items()}

    def _count_repairs(self, found: "_Found") -> None:
        """Tell of limits that were lost: not of those that were set before the hook, or a resize, had come to it."""
        limited = {key: memory for key, memory in self._limited.items() if key[1] in found.silent}
        for each in found.running:
            key = each.container_id, each.gpu_uuid
            holding = found.holdings.get(key)
            if holding and holding.limited in ("kept", "repaired"):
                limited[key] = each.memory
                if holding.limited == "repaired" and self._limited.get(key) == each.memory:
                    self.repairs[each.gpu_uuid] = self.repairs.get(each.gpu_uuid, 0) + 1
                    self._news.repaired(each, holding.found)
        self._limited = limited


@dataclass(frozen=True, slots=True)
class _Found:
    """The shares, the containers on them, what those hold, and the GPUs that do not tell of all of theirs."""

    shares: Sequence[NotedShare]
    running: tuple[Container, ...]
    holdings: Mapping[ContainerKey, Holding]
    silent: Set[str]


def _of_silent(memory: Mapping[str, ShareMemory], names: Collection[str]) -> dict[str, ShareMemory]:
    """What is still known of shares, by their names, whose GPU does not answer."""
    return {name: replace(each, used=None) for name, each in memory.items() if name in names}
