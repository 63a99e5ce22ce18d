"""The files by which libvgpu.so gives turns on a GPU, native/core/turn.h: one folder for each GPU that has shares.

They are empty and stay: containers that have them open lock them, so another file of the same name would be another
lock. Who may open one can hold it, so each container has only those of its GPUs.
"""

from pathlib import Path

from .files import make_folder
from .names import TURNS_FOLDER

_NAMES = ("turn", "next", "urgent")


def turns_name(gpu_uuid: str) -> str:
    """The name of a GPU's folder: its UUID without GPU- or MIG-."""
    return gpu_uuid.partition("-")[2]


def ensure_turns(shares: Path, gpu_uuid: str) -> None:
    """Make a GPU's files, beside the folder of all shares, where they are missing. Raises OSError."""
    folder = shares.parent / TURNS_FOLDER / turns_name(gpu_uuid)
    make_folder(folder)
    for name in _NAMES:
        if not (folder / name).exists():
            (folder / name).touch()
            (folder / name).chmod(0o644)  # whatever this process's umask
