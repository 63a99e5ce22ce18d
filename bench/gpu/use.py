"""What NVML says of this process on the first GPU, by ctypes."""

import ctypes
import os

_LISTS = ("ComputeRunningProcesses_v3", "MPSComputeRunningProcesses_v3", "GraphicsRunningProcesses_v3")
_ROWS = 1024


class _Row(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint),
        ("bytes", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class Use:
    """Raises OSError where there is no NVML."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libnvidia-ml.so.1")
        self._device = ctypes.c_void_p()
        self._library.nvmlInit_v2()
        self._library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(self._device))

    def own(self) -> int | str:
        """Bytes that the list of computing processes has for this one, or why it has none."""
        code, rows = self._list(_LISTS[0])
        return next((row.bytes for row in rows if row.pid == os.getpid()), f"not listed ({code}, {len(rows)} others)")

    def lists(self) -> dict[str, list[int]]:
        """Of each list the code, and how many processes are in it."""
        told = {name: self._list(name) for name in _LISTS}
        return {name: [code, len(rows)] for name, (code, rows) in told.items()}

    def _list(self, name: str) -> tuple[int, list[_Row]]:
        rows, count = (_Row * _ROWS)(), ctypes.c_uint(_ROWS)
        code = getattr(self._library, f"nvmlDeviceGet{name}")(self._device, ctypes.byref(count), rows)
        return code, list(rows[: count.value]) if code == 0 else []
