"""Tells cheaply whether GPUs or their driver may have changed, so that NVML, which wakes GPUs, is asked only then."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from hami_dra.nvml.driver import find_library

_KERNEL = Path("/proc/driver/nvidia")

Trace = tuple[str, int, int] | tuple[str, str]
"""A file with its inode and the time of its last change in nanoseconds, or with its content."""


def traces(driver_root: Path, specs: Iterable[Path], kernel: Path = _KERNEL) -> frozenset[Trace]:
    """What GPUs and driver leave in file systems; two that are equal stand for the same GPUs and driver.

    `specs` are the CDI specs that may say what makes the GPUs visible. A GPU that only stopped working leaves the same.
    Raises OSError where something can neither be read nor is gone.
    """
    return frozenset((*_of_gpus(driver_root, kernel), *_of_driver(driver_root, kernel), *_of_files(specs)))


def _of_gpus(driver_root: Path, kernel: Path) -> Iterator[Trace]:
    nodes = driver_root / "dev"
    for folder, pattern in ((nodes, "nvidia*"), (nodes / "nvidia-caps", "*"), (kernel / "gpus", "*")):
        with suppress(FileNotFoundError):  # folders may go while they are read: a driver is being unloaded
            for path in folder.glob(pattern):
                yield str(path), ""


def _of_driver(driver_root: Path, kernel: Path) -> Iterator[Trace]:
    if library := find_library(driver_root):
        yield from _of_files([library.resolve()])
    version = kernel / "version"
    with suppress(FileNotFoundError):
        yield str(version), version.read_text()


def _of_files(paths: Iterable[Path]) -> Iterator[Trace]:
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            continue  # a file that is gone leaves no trace, which is one
        yield str(path), found.st_ino, found.st_mtime_ns
