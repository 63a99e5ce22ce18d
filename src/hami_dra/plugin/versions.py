"""The installed versions of what containers use from the host: which are in use, and the removal of the others."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hami_dra.shares.files import names_in, remove_tree

_VERSION = re.compile("[0-9a-f]{16}")
_DOOMED = re.compile(r"\.[0-9a-f]{16}\..*")
_MOST_TRIES = 50
"""Times that a folder may vanish while it is made: those who remove it do so one by one."""


def hold_version(folder: Path) -> None:
    """Make a version's folder where it is missing, and keep it from removal until this process ends. Raises OSError."""
    for _ in range(_MOST_TRIES):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.path.samestat(os.fstat(descriptor), folder.stat()):
                return  # the descriptor stays open, and with it the lock
            os.close(descriptor)
    raise OSError(f"{folder} vanishes as often as it is made")


def collect_versions(install_dir: Path, cdi_dir: Path, processes: Path = Path("/proc")) -> list[str]:
    """Remove the versions that no plugin, no CDI spec and no process that can be seen uses; return their names.

    Containers keep what they have mounted or mapped even so; it is their next start that needs what its spec names.
    Raises OSError.
    """
    for name in filter(_DOOMED.fullmatch, names_in(install_dir)):
        remove_tree(install_dir / name)
    return [
        name
        for name in filter(_VERSION.fullmatch, names_in(install_dir))
        if _remove_unused(install_dir / name, cdi_dir, processes)
    ]


def _remove_unused(folder: Path, cdi_dir: Path, processes: Path) -> bool:
    """Only while no plugin holds it: who comes to hold it now waits, and finds that it has to make it anew."""
    with _locked(folder) as is_free:
        in_path = f"/{folder.name}/".encode()
        if not is_free or _is_in_spec(in_path, cdi_dir) or _is_mounted(in_path, processes):
            return False
        remove_tree(folder)
        return True


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _is_in_spec(text: bytes, cdi_dir: Path) -> bool:
    """Whether any spec has the text; one that cannot be read might have it, so that raises OSError."""
    for spec in cdi_dir.glob("*"):
        with suppress(FileNotFoundError):  # its claim was unprepared while we looked
            if spec.is_file() and text in spec.read_bytes():
                return True
    return False


def _is_mounted(text: bytes, processes: Path) -> bool:
    """Whether any process has it mounted that we may look at; dying ones refuse in several ways."""
    for mounts in processes.glob("*/mountinfo"):
        with suppress(OSError):
            if text in mounts.read_bytes():
                return True
    return False
