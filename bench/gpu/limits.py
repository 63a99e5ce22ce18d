"""NVML's limits on the memory of cgroups, by ctypes: any machine with a driver can ask for them."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NO_LIMIT = 2**64 - 1


class LimitsError(Exception):
    """NVML refused; `code` is its nvmlReturn_t."""

    def __init__(self, function: str, code: int) -> None:
        super().__init__(f"{function} answered {code}")
        self.code = code


class _Set(ctypes.Structure):
    _fields_ = (("name_space", ctypes.c_char_p), ("soft", ctypes.c_ulonglong), ("hard", ctypes.c_ulonglong))


class _Get(ctypes.Structure):
    _fields_ = (*_Set._fields_, ("used", ctypes.c_ulonglong))


@dataclass(frozen=True)
class Limits:
    """What a cgroup may have of a GPU, and has, in bytes."""

    soft: int
    hard: int
    used: int


class Nvml:
    """The driver's NVML. Raises OSError where there is none, and LimitsError where it does not start."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libnvidia-ml.so.1")
        self._call("nvmlInit_v2")

    @property
    def path(self) -> Path:
        """Where the loader found it."""
        maps = Path("/proc/self/maps").read_text().splitlines()
        return next(Path(line.split()[-1]) for line in maps if "libnvidia-ml.so" in line)

    @property
    def can_limit(self) -> bool:
        """Whether it has the calls."""
        return all(hasattr(self._library, f"nvmlDevice{verb}MemoryLimits_v1") for verb in ("Set", "Get"))

    def driver_version(self) -> str:
        """As nvidia-smi shows it."""
        return self._text(lambda text: self._call("nvmlSystemGetDriverVersion", text, 80))

    def device(self, index: int) -> ctypes.c_void_p:
        """The GPU with that place on the PCI bus."""
        device = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByIndex_v2", index, ctypes.byref(device))
        return device

    def uuid(self, device: ctypes.c_void_p) -> str:
        """What the GPU is known by everywhere."""
        return self._text(lambda text: self._call("nvmlDeviceGetUUID", device, text, 96))

    def has_mig(self, device: ctypes.c_void_p) -> bool:
        """Whether it is partitioned: then the driver limits nothing."""
        current, pending = ctypes.c_uint(), ctypes.c_uint()
        try:
            self._call("nvmlDeviceGetMigMode", device, ctypes.byref(current), ctypes.byref(pending))
        except LimitsError:
            return False
        return current.value != 0

    def set_limits(self, device: ctypes.c_void_p, cgroup: Path, hard: int, soft: int = 0) -> None:
        """Set them. Raises LimitsError."""
        limits = _Set(str(cgroup).encode(), soft, hard)
        self._call("nvmlDeviceSetMemoryLimits_v1", device, ctypes.byref(limits))

    def get_limits(self, device: ctypes.c_void_p, cgroup: Path) -> Limits:
        """Read them back. Raises LimitsError, also where none is set."""
        limits = _Get(str(cgroup).encode())
        self._call("nvmlDeviceGetMemoryLimits_v1", device, ctypes.byref(limits))
        return Limits(limits.soft, limits.hard, limits.used)

    def _text(self, fill: Callable[[ctypes.Array[ctypes.c_char]], None]) -> str:
        text = ctypes.create_string_buffer(96)
        fill(text)
        return text.value.decode()

    def _call(self, function: str, *arguments: object) -> None:
        code: int = getattr(self._library, function)(*arguments)
        if code != 0:
            raise LimitsError(function, code)
