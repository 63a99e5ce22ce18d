"""Where NVIDIA's driver has its management library."""

from pathlib import Path

SONAME = "libnvidia-ml.so.1"
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
    candidates = [driver_root / folder / SONAME for folder in _FOLDERS]
    return next((path for path in candidates if path.exists()), None)
