"""The notes that hami-dra-oci-hook leaves in a share's folder: which containers run on the share."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .files import names_in

CONTAINERS_DIR = "containers"

_VERSION = "1"
_KEYS = ("version", "cgroup", "pid")


class NoteError(ValueError):
    """A text that is not a note of a version that we know."""


@dataclass(frozen=True, slots=True)
class ContainerNote:
    """A container that started on a share: its cgroup of version 2 as the host names it, and its first PID."""

    container_id: str
    cgroup: Path
    pid: int

    @classmethod
    def parse(cls, container_id: str, text: str) -> Self:
        """Read a note; keys that are not known here are a newer hook's. Raises NoteError."""
        values = dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
        if missing := [key for key in _KEYS if key not in values]:
            raise NoteError(f"note of container {container_id}: {missing[0]} is missing")
        cgroup, pid = Path(values["cgroup"]), values["pid"]
        if values["version"] != _VERSION or not cgroup.is_absolute() or not (pid.isascii() and pid.isdigit()):
            raise NoteError(f"note of container {container_id} is not understood")
        return cls(container_id, cgroup, int(pid))


def notes_in(share_folder: Path) -> Iterator[ContainerNote]:
    """The notes in a share's folder; what is unfinished or no note is passed over."""
    folder = share_folder / CONTAINERS_DIR
    for name in names_in(folder):
        if not name.startswith("."):
            try:
                yield ContainerNote.parse(name, (folder / name).read_text())
            except (OSError, ValueError):
                continue


def remove_note(share_folder: Path, container_id: str) -> None:
    """Remove the note of a container that has gone."""
    (share_folder / CONTAINERS_DIR / container_id).unlink(missing_ok=True)
