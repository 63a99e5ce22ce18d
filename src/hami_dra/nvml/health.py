"""Prints what NVML tells of the health of the GPUs of a driver root: a line of JSON per second, with what changed."""

import ctypes
import json
import sys
import time
from dataclasses import asdict, replace
from typing import Any

import pynvml

from .library import optional
from .program import run
from .reading import Reading
from .watched_gpu import WatchedGpu

_LOOK_SECONDS = 1.0
_ANSWER_SECONDS = 1.0
"""So long GPUs are waited for: what is known of the others is told then."""


class _Reader:
    """The GPUs that could be reached once, by UUID, and the events that are waited for."""

    def __init__(self) -> None:
        self._gpus: dict[str, WatchedGpu] = {}
        self._events = pynvml.nvmlEventSetCreate()
        self._told: dict[str, Reading] = {}

    def look(self, seconds: float) -> tuple[Reading, ...]:
        """What has changed, after so many seconds or when an XID was reported."""
        self._find()
        xids = self._wait(seconds)
        states = self._states()
        news = [replace(state, xids=tuple(xids.get(uuid, ()))) for uuid, state in states.items()]
        changed = tuple(reading for reading in news if reading.xids or reading != self._told.get(reading.uuid))
        self._told = states
        return changed

    def _states(self) -> dict[str, Reading]:
        """What is known of each GPU: all are asked at once, and waited for together."""
        for gpu in self._gpus.values():
            gpu.ask()
        end = time.monotonic() + _ANSWER_SECONDS
        return {uuid: gpu.reading(end) for uuid, gpu in self._gpus.items()}

    def _find(self) -> None:
        """Take in the GPUs that can be reached; one that is lost has no name yet."""
        if len(self._gpus) == pynvml.nvmlDeviceGetCount():
            return
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = optional(pynvml.nvmlDeviceGetHandleByIndex, index)
            uuid = optional(pynvml.nvmlDeviceGetUUID, handle) if handle else None
            if uuid and uuid not in self._gpus:
                self._gpus[uuid] = WatchedGpu(uuid, handle)
                optional(pynvml.nvmlDeviceRegisterEvents, handle, pynvml.nvmlEventTypeXidCriticalError, self._events)

    def _wait(self, seconds: float) -> dict[str, list[int]]:
        """The XIDs of the next seconds, by UUID; the first of them ends it, and takes with it those that are there."""
        xids: dict[str, list[int]] = {}
        end = time.monotonic() + seconds
        while True:
            left = 0 if xids else max(0, end - time.monotonic())
            try:
                event = pynvml.nvmlEventSetWait_v2(self._events, int(left * 1000))
            except pynvml.NVMLError_Timeout:
                if left < 0.001:
                    return xids
                continue
            except pynvml.NVMLError:  # a GPU is lost, which its reading tells
                time.sleep(max(0, end - time.monotonic()) if not xids else 0)
                return xids
            for uuid in self._concerned(event.device):
                xids.setdefault(uuid, []).append(event.eventData)

    def _concerned(self, device: Any) -> list[str]:
        """The GPU of an event; all, where it is none that we know."""
        for uuid, gpu in self._gpus.items():
            if _address(gpu.handle) == _address(device):
                return [uuid]
        return list(self._gpus)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _tell(readings: tuple[Reading, ...]) -> None:
    print(json.dumps([asdict(reading) for reading in readings]), flush=True)


def _watch() -> None:
    reader = _Reader()
    _tell(reader.look(0))
    while True:
        _tell(reader.look(_LOOK_SECONDS))


if __name__ == "__main__":
    sys.exit(run(_watch))
