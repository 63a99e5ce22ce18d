"""Keeps what is known of this node up to date while GPUs and drivers come and go."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Never

from hami_dra.gpu import BaseEditsError, NvmlUnavailableError, traces
from hami_dra.shares import DRIVER_NAME

from .node import GpuNode, NothingToShareError, cdi_dirs, empty_node, read_node
from .options import Options

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1
_ASK_AGAIN_SECONDS = 30
"""After an answer that left the node without GPUs, though nothing has changed since that could be seen."""


class NodeWatch:
    """`node` is what this node has to offer at present; it never has to be waited for."""

    def __init__(self, options: Options, installed: Path) -> None:
        self._options = options
        self._installed = installed
        self._traces: frozenset[object] | None = None
        self._asked = 0.0
        self._problem = ""
        self.node = empty_node(options, installed)

    async def look(self) -> None:
        """Ask NVML and nvidia-ctk, unless nothing has changed since; without an answer the node has no GPUs."""
        found = await asyncio.to_thread(self._look_for_traces)
        is_due = bool(self._problem) and time.monotonic() - self._asked > _ASK_AGAIN_SECONDS
        if found == self._traces and not is_due:
            return
        self._traces, self._asked = found, time.monotonic()
        try:
            self.node = await read_node(self._options, self._installed)
            self._problem = ""
        except (BaseEditsError, NothingToShareError, NvmlUnavailableError) as error:
            self.node = empty_node(self._options, self._installed)
            if str(error) != self._problem:
                _log.error("there is no GPU to share: %s; waiting for one", error)
            self._problem = str(error)

    def arrived(self, uuid: str) -> None:
        """Ask again where this GPU, which answers now, did not answer before: that leaves no trace."""
        if all(gpu.uuid != uuid for gpu in self.node.gpus.values()):
            self._traces = None

    async def run(self, changed: Callable[[GpuNode], None]) -> Never:
        """Look in intervals until cancelled, and tell what has changed."""
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
