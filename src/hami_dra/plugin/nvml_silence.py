"""Whether NVML answers at all: one GPU that hangs may keep it from starting, and then nothing is known of any."""

import logging
import time
from datetime import UTC, datetime, timedelta

from .node_events import NodeEvents

_log = logging.getLogger(__name__)


class NvmlSilence:
    """For how long NVML has told nothing of the GPUs' health; a silence that lasts is told once, and that it ended.

    Whoever asks NVML says here what came of it.
    """

    def __init__(self, events: NodeEvents) -> None:
        self._events = events
        self._heard = time.monotonic()  # not yet, in the beginning: the silence began no later than this process
        self._told = ""

    @property
    def seconds(self) -> float:
        """How long ago NVML said something, or this process began: a second or two while all is well."""
        return time.monotonic() - self._heard

    def ended(self) -> None:
        """NVML has said something."""
        if self._told:
            message = f"NVML answers again, after {self.seconds:.0f} s"
            _log.info("%s", message)
            self._events.tell("NvmlAnswers", message, "Normal")
        self._heard = time.monotonic()
        self._told = ""

    def lasts(self) -> str:
        """NVML was given up on. Return since when it has been silent, in words: the same as long as it lasts."""
        if not self._told:
            since = datetime.now(UTC) - timedelta(seconds=self.seconds)
            self._told = f"NVML has not answered since {since:%Y-%m-%dT%H:%M:%SZ}"
            message = (
                f"{self._told}, as where a GPU hangs: how this node's GPUs are is not known, and a plugin that starts "
                "meanwhile knows none of them. See whether `nvidia-smi` works on the node; where that waits too, "
                "drain the node and restart it"
            )
            _log.error("%s", message)
            self._events.tell("NvmlSilent", message)
        return self._told
