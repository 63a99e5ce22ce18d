"""What programs keep launching, and how: the arguments of load.c."""

from collections.abc import Iterator
from math import ceil
from typing import Literal

import msgspec

Call = Literal["kernel", "kernel-ex", "cooperative", "graph"]
Wait = Literal["never", "each", "ahead"]
"""Whether a program waits for its launches: never, for each, or so that some milliseconds of them lie ahead."""

_CALLS: tuple[Call, ...] = ("kernel", "kernel-ex", "cooperative", "graph")  # in the order of load.c's enum call
_AHEAD_NS = 10_000_000


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One kernel, launched over and over. Its time on the GPU is `cost_ns`, and `per_block_ns` for each block."""

    cost_ns: int
    per_block_ns: int = 0
    grid: int = 1
    streams: int = 1
    call: Call = "kernel"
    graph: int = 1
    """Kernels in each graph, where graphs are launched."""
    wait: Wait = "never"

    @property
    def launch_ns(self) -> int:
        """The GPU's time for one launch."""
        kernels = self.graph if self.call == "graph" else 1
        return kernels * (self.cost_ns + self.grid * self.per_block_ns)

    def arguments(self) -> Iterator[str]:
        """The arguments of load.c."""
        yield f"cost={self.cost_ns}"
        yield f"per-block={self.per_block_ns}"
        yield f"grid={self.grid}"
        yield f"streams={self.streams}"
        yield f"call={_CALLS.index(self.call)}"
        yield f"graph={self.graph}"
        yield f"sync={int(self.wait == 'each')}"
        yield f"ahead={ceil(_AHEAD_NS / self.launch_ns) if self.wait == 'ahead' else 0}"
