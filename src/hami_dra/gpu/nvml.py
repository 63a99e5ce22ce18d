"""NVML of a given driver root, through NVIDIA's own binding."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynvml

_SONAME = "libnvidia-ml.so.1"
# Where distributions, NVIDIA's installer and driver containers put the driver's libraries.
_FOLDERS = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib64",
    "usr/lib",
    "lib/x86_64-linux-gnu",
    "lib/aarch64-linux-gnu",
    "lib64",
    "lib",
)


class NvmlUnavailableError(Exception):
    """The driver's management library cannot be used; the text says what to do."""


def find_library(driver_root: Path) -> Path | None:
    """The path of NVML below a driver root, if the driver is installed there."""
    candidates = [driver_root / folder / _SONAME for folder in _FOLDERS]
    return next((path for path in candidates if path.exists()), None)


@contextmanager
def nvml(driver_root: Path) -> Iterator[None]:
    """Make pynvml's functions talk to the driver installed below `driver_root`. Raises NvmlUnavailableError."""
    _load(driver_root)
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NvmlUnavailableError(
            f"NVML of {driver_root} does not start: {error}; `nvidia-smi` on the node should work first"
        ) from error
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _load(driver_root: Path) -> None:
    """Load the library by its path, so that pynvml, which asks the loader for the soname, gets this one."""
    library = find_library(driver_root)
    if library is None:
        raise NvmlUnavailableError(
            f"there is no {_SONAME} below {driver_root}: install NVIDIA's driver on the node, "
            "or point --driver-root at where it is mounted"
        )
    try:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise NvmlUnavailableError(f"{library} cannot be loaded: {error}") from error
