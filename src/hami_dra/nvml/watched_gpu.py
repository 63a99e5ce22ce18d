"""One GPU whose health is watched, and what NVML shows of it as a state."""

import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pynvml

from .library import optional
from .mig import mig_devices, profile_of
from .reading import Reading

_HANGS_SECONDS = 10.0
"""After which a GPU hangs that does not answer: this program has it open, so it does not sleep."""


class WatchedGpu:
    """A GPU is asked in a thread of its own: of one that hangs no call returns, and the others are to be watched."""

    def __init__(self, uuid: str, handle: Any) -> None:
        self.handle = handle
        self._uuid = uuid
        self._known: Reading | None = None
        self._begin()

    def ask(self) -> None:
        """Have it asked for its state, unless it still owes an answer."""
        if not self._asking.is_alive():
            self._begin()

    def reading(self, end: float) -> Reading:
        """Its state when it has answered, but no later than at `end` (monotonic seconds): what was known before, then.

        Where nothing is known yet, it is waited for until it hangs.
        """
        until = end if self._known else self._late
        self._asking.join(max(0, until - time.monotonic()))
        if self._known is None or (self._asking.is_alive() and time.monotonic() > self._late):
            return Reading(self._uuid, is_hung=True)
        return self._known

    def _begin(self) -> None:
        self._late = time.monotonic() + _HANGS_SECONDS
        self._asking = Thread(target=self._ask, daemon=True)
        self._asking.start()

    def _ask(self) -> None:
        self._known = read_state(self._uuid, self.handle)


def read_state(uuid: str, handle: Any) -> Reading:
    """What NVML shows of a GPU now."""
    try:
        pynvml.nvmlDeviceGetMemoryInfo(handle)
    except (pynvml.NVMLError_GpuIsLost, pynvml.NVMLError_ResetRequired):
        return Reading(uuid, is_lost=True)
    except pynvml.NVMLError:
        pass
    errors = optional(
        pynvml.nvmlDeviceGetTotalEccErrors, handle, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC
    )
    _, _, pending, failed = optional(pynvml.nvmlDeviceGetRemappedRows, handle) or (None, None, None, None)
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
        uuid = optional(pynvml.nvmlDeviceGetUUID, device)
        if uuid:
            yield uuid, profile_of(optional(pynvml.nvmlDeviceGetName, device) or "")


def _recovery_action(handle: Any) -> int | None:
    fields = optional(pynvml.nvmlDeviceGetFieldValues, handle, [pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION])
    if not fields or fields[0].nvmlReturn != pynvml.NVML_SUCCESS:
        return None
    return int(fields[0].value.uiVal)
