"""At which of a plugin's effects to interfere, and how: shared with the library that is preloaded into it."""

import mmap
import struct
from pathlib import Path

_LAYOUT = struct.Struct("=IIII512s512s")  # struct plan of tests/native/plugin/effects.c
_SEEN = struct.Struct("=I")
_SEEN_OFFSET = 12
_ACTED_AT_OFFSET = 528


class Plan:
    """One file that a plugin and its test have mapped; what concerns the plugin lies below `root`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(_LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _LAYOUT.size)

    def kill_at(self, effect: int, root: Path) -> None:
        """Have the process killed right before its next `effect`-th effect, counted from 1."""
        self._arm(effect, root, 0)

    def fail_at(self, effect: int, root: Path, failure: int) -> None:
        """Have the next `effect`-th effect, counted from 1, fail with an errno; those after it work again."""
        self._arm(effect, root, failure)

    def disarm(self) -> None:
        """Let everything pass."""
        self._map[:] = bytes(_LAYOUT.size)

    @property
    def seen(self) -> int:
        """Effects since the plan was made."""
        (seen,) = _SEEN.unpack_from(self._map, _SEEN_OFFSET)
        return int(seen)

    @property
    def acted_at(self) -> str:
        """The effect that was interfered with; nothing while there was none."""
        return self._map[_ACTED_AT_OFFSET:].rstrip(b"\0").decode()

    def _arm(self, effect: int, root: Path, failure: int) -> None:
        self._map[:] = _LAYOUT.pack(1, effect, failure, 0, f"{root}/".encode(), b"")
