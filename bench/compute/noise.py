"""How busy the machine is with other things: what it does to a run it does to all that stands in there."""

import os
import platform
import time

import msgspec

from bench.compute.latency import percentile

_NAP_S = 0.001
_NAPS = 500


class Noise(msgspec.Struct, frozen=True):
    """How late, in ns, a process woke up that slept for 1 ms; how many had wanted a processor in the last minute."""

    processors: int
    model: str
    load: float
    late_median_ns: int
    late_p99_ns: int

    def __str__(self) -> str:
        return (
            f"{self.processors} processors ({self.model}), load {self.load:.1f}; a sleep of 1 ms ends "
            f"{self.late_median_ns / 1e6:.2f} ms late, one of 100 by {self.late_p99_ns / 1e6:.2f} ms"
        )


def noise() -> Noise:
    """Look how busy the machine is, for half a second."""
    late = []
    for _ in range(_NAPS):
        before = time.monotonic_ns()
        time.sleep(_NAP_S)
        late.append(time.monotonic_ns() - before - round(_NAP_S * 1e9))
    return Noise(
        os.cpu_count() or 0, platform.machine(), os.getloadavg()[0], percentile(late, 50), percentile(late, 99)
    )
