"""NVML of a given driver root, through NVIDIA's own binding."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pynvml

from .driver import SONAME, NvmlUnavailableError, find_library

_T = TypeVar("_T")


@contextmanager
def nvml(driver_root: Path) -> Iterator[None]:
    """Make pynvml's functions talk to the driver installed below `driver_root`.

    Raises NvmlUnavailableError, also for an error of NVML's that nobody expected.
    """
    _load(driver_root)
    try:
        pynvml.nvmlInit()
        try:
            yield
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError as error:
        raise NvmlUnavailableError(
            f"NVML of {driver_root} does not work: {error}; `nvidia-smi` on the node should work first"
        ) from error


def optional(query: Callable[..., _T], *arguments: object) -> _T | None:
    """What NVML answers, None where that is an error."""
    try:
        return query(*arguments)
    except pynvml.NVMLError:
        return None


def _load(driver_root: Path) -> None:
    """Load the library by its path, so that pynvml, which asks the loader for the soname, gets this one."""
    library = find_library(driver_root)
    if library is None:
        raise NvmlUnavailableError(
            f"there is no {SONAME} below {driver_root}: install NVIDIA's driver on the node, "
            "or point --driver-root at where it is mounted"
        )
    try:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise NvmlUnavailableError(f"{library} cannot be loaded: {error}") from error
