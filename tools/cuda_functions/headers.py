"""Which functions cuda.h declares, in NVIDIA's wheels of the oldest and the newest CUDA that is looked at."""

import re
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

WHEELS = {"12.9": "nvidia-cuda-runtime-cu12", "13.5": "nvidia-cuda-runtime"}

# Between them these two show a compiler every name that the header knows: the older versions, and those whose default
# stream is the thread's own.
_VIEWS = ("__CUDA_API_VERSION_INTERNAL", "CUDA_API_PER_THREAD_DEFAULT_STREAM")


def header(version: str, name: str = "cuda.h") -> Path:
    """Where the header of that CUDA version is installed. Raises if its wheel is not, or is of another version."""
    wheel = metadata.distribution(WHEELS[version])
    if not wheel.version.startswith(f"{version}."):
        raise LookupError(f"{WHEELS[version]} is {wheel.version}, not {version}: see constraints.txt")
    for file in wheel.files or ():
        if file.name == name:
            return Path(str(file.locate()))
    raise LookupError(f"{WHEELS[version]} {wheel.version} has no {name}")


@cache
def functions(version: str) -> frozenset[str]:
    """The names of all functions that the header of that CUDA version declares, as the compiler reads it."""
    return frozenset().union(*(_declared(header(version), view) for view in _VIEWS))


def _declared(path: Path, view: str) -> set[str]:
    command = [sys.executable, "-m", "ziglang", "cc", "-E", "-P", f"-D{view}", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\bCUresult\s+(cu[A-Z]\w*)\s*\(", text))
