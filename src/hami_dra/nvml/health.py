"""Prints what NVML tells of the health of the GPUs of a driver root: a line of JSON per second, with what changed."""

import ctypes
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any, TypeVar

import pynvml

from .beginning import begin
from .driver import NvmlUnavailableError
from .library import nvml
from .mig import mig_devices, profile_of
from .reading import Reading

_T = TypeVar("_T")

_LOOK_SECONDS = 1.0
_EXIT_UNAVAILABLE = 1


class _Reader:
    """The GPUs that could be reached once, by UUID, and the events that are waited for."""

    def __init__(self) -> None:
        self._handles: dict[str, Any] = {}
        self._events = pynvml.nvmlEventSetCreate()
        self._told: dict[str, Reading] = {}

    def look(self, seconds: float) -> tuple[Reading, ...]:
        """What has changed, after so many seconds or when an XID was reported."""
        self._find()
        xids = self._wait(seconds)
        states = {uuid: _read(uuid, handle) for uuid, handle in self._handles.items()}
        news = [replace(state, xids=tuple(xids.get(uuid, ()))) for uuid, state in states.items()]
        changed = tuple(reading for reading in news if reading.xids or reading != self._told.get(reading.uuid))
        self._told = states
        return changed

    def _find(self) -> None:
        """Take in the GPUs that can be reached; one that is lost has no name yet."""
        if len(self._handles) == pynvml.nvmlDeviceGetCount():
            return
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = _optional(pynvml.nvmlDeviceGetHandleByIndex, index)
            uuid = _optional(pynvml.nvmlDeviceGetUUID, handle) if handle else None
            if uuid and uuid not in self._handles:
                self._handles[uuid] = handle
                _optional(pynvml.nvmlDeviceRegisterEvents, handle, pynvml.nvmlEventTypeXidCriticalError, self._events)

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
        for uuid, handle in self._handles.items():
            if _address(handle) == _address(device):
                return [uuid]
        return list(self._handles)


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _read(uuid: str, handle: Any) -> Reading:
    try:
        pynvml.nvmlDeviceGetMemoryInfo(handle)
    except (pynvml.NVMLError_GpuIsLost, pynvml.NVMLError_ResetRequired):
        return Reading(uuid, is_lost=True)
    except pynvml.NVMLError:
        pass
    errors = _optional(
        pynvml.nvmlDeviceGetTotalEccErrors, handle, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
    )
    _, _, pending, failed = _optional(pynvml.nvmlDeviceGetRemappedRows, handle) or (None, None, None, None)
    return Reading(
        uuid,
        uncorrected_errors=errors,
        remap_pending=None if pending is None else bool(pending),
        remap_failed=None if failed is None else bool(failed),
        recovery_action=_recovery_action(handle),
        parts=tuple(_parts(handle)),
    )


def _parts(handle: Any) -> Iterator[tuple[str, str | None]]:
    for device in mig_devices(handle):
        uuid = _optional(pynvml.nvmlDeviceGetUUID, device)
        if uuid:
            yield uuid, profile_of(_optional(pynvml.nvmlDeviceGetName, device) or "")


def _recovery_action(handle: Any) -> int | None:
    fields = _optional(pynvml.nvmlDeviceGetFieldValues, handle, [pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION])
    if not fields or fields[0].nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    return int(fields[0].value.uiVal)


def _optional(query: Callable[..., _T], *arguments: object) -> _T | None:
    try:
        return query(*arguments)
    except pynvml.NVMLError:
        return None


def _tell(readings: tuple[Reading, ...]) -> None:
    print(json.dumps([asdict(reading) for reading in readings]), flush=True)


def main() -> int:
    """Tell until nobody listens; what keeps NVML from working goes to standard error."""
    try:
        with nvml(begin()):
            reader = _Reader()
            _tell(reader.look(0))
            while True:
                _tell(reader.look(_LOOK_SECONDS))
    except (NvmlUnavailableError, pynvml.NVMLError) as error:
        print(error, file=sys.stderr)
        return _EXIT_UNAVAILABLE
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
