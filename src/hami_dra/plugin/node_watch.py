"""Keeps what is known of this node up to date while GPUs and drivers come and go."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Never

from hami_dra.gpu import BaseEditsError, NvmlSilentError, NvmlUnavailableError, traces
from hami_dra.shares import DRIVER_NAME

from .node import GpuNode, NothingToShareError, cdi_dirs, empty_node, read_node
from .options import Options

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1
_ASK_AGAIN_SECONDS = 30
"""After no answer, or one that left the node without GPUs, though nothing has changed since that could be seen."""

MigDevice = tuple[str, str | None]
"""By its UUID and its profile: in one place of a GPU there may come another."""


class NodeWatch:
    """`node` is what this node has to offer at present; it never has to be waited for.

    Until `known` is set NVML has not answered since the plugin started, so that `node` has no GPUs says nothing.
    `asked` is set when it has, or was given up on.
    """

    def __init__(self, options: Options, installed: Path) -> None:
        self._options = options
        self._installed = installed
        self._traces: frozenset[object] | None = None
        self._asked_at = 0.0
        self._problem = ""
        self._obstacle = ""
        self._divisions: dict[str, frozenset[MigDevice]] = {}
        self._divisions_asked_about: dict[str, frozenset[MigDevice]] = {}
        self.node = empty_node(options, installed)
        self.known = asyncio.Event()
        self.asked = asyncio.Event()

    async def look(self) -> None:
        """Ask NVML and nvidia-ctk, unless nothing has changed since.

        Where it cannot be seen whether something has changed, or NVML is silent, all stays as it is.
        """
        try:
            found = await asyncio.to_thread(self._look_for_traces)
        except OSError as error:
            if str(error) != self._obstacle:
                _log.warning("changes of GPUs and driver cannot be looked for: %s", error)
            self._obstacle = str(error)
            return
        self._obstacle = ""
        is_due = bool(self._problem) and time.monotonic() - self._asked_at > _ASK_AGAIN_SECONDS
        if found == self._traces and not is_due and not self._is_divided_anew():
            return
        self._traces, self._divisions_asked_about = found, dict(self._divisions)
        await self._ask()
        self._asked_at = time.monotonic()
        self.asked.set()

    async def _ask(self) -> None:
        try:
            self.node = await read_node(self._options, self._installed)
            self._complain("")
        except NvmlSilentError as error:
            self._complain(f"NVML does not say which GPUs there are now: {error}; asking again")
            return
        except (BaseEditsError, NothingToShareError, NvmlUnavailableError) as error:
            self.node = empty_node(self._options, self._installed)
            self._complain(f"there is no GPU to share: {error}{self._roots()}; waiting for one")
        self.known.set()

    def _complain(self, problem: str) -> None:
        """Say once what stays as it is."""
        if problem not in ("", self._problem):
            _log.error("%s", problem)
        self._problem = problem

    def _roots(self) -> str:
        """What the driver's folder is called on the host, where people know it by that."""
        here, there = self._options.driver_root, self._options.host_driver_root
        return "" if here == there else f" ({here} is the host's {there})"

    def arrived(self, uuid: str) -> None:
        """Ask again where this GPU, which answers now, did not answer before: that leaves no trace."""
        if all(gpu.whole_uuid != uuid for gpu in self.node.gpus.values()):
            self._traces = None

    def divided(self, uuid: str, parts: Iterable[MigDevice]) -> None:
        """Ask again where this GPU is divided in other MIG devices than were found."""
        self._divisions[uuid] = frozenset(parts)

    def _is_divided_anew(self) -> bool:
        """Once for each division: of what was found then, some may have been left out."""
        if self._divisions == self._divisions_asked_about:
            return False
        known: dict[str, set[MigDevice]] = {}
        for gpu in self.node.gpus.values():
            if gpu.mig:
                known.setdefault(gpu.whole_uuid, set()).add((gpu.uuid, gpu.mig.profile))
        return any(parts != known.get(uuid, set()) for uuid, parts in self._divisions.items())

    async def run(self, changed: Callable[[GpuNode], None]) -> Never:
        """Look in intervals until cancelled, and tell what has changed since the first answer."""
        await self.look()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            before = self.node
            await self.look()
            if self.node != before:
                _log.info("GPUs or driver have changed: %s", ", ".join(self.node.gpus) or "no GPU is left")
                changed(self.node)

    def _look_for_traces(self) -> frozenset[object]:
        specs = (path for folder in cdi_dirs(self._options) for path in folder.glob("*"))
        return traces(self._options.driver_root, (path for path in specs if not path.name.startswith(DRIVER_NAME)))
