"""How busy the machine is with other things: what it does to a run it does to all that stands in there."""

import os
import platform
import time

import msgspec

from bench.compute.windows import percentile

_NAP_NS = 10_000_000  # long enough to take nothing of the processors that counts
_LOOK_NS = 1_000_000_000


class Noise(msgspec.Struct, frozen=True):
    """How late, in ns, a process woke up that slept for 10 ms; how many had wanted a processor in the last minute."""

    processors: int
    machine: str
    load: float
    late_median_ns: int
    late_p99_ns: int

    def __str__(self) -> str:
        return (
            f"{self.processors} processors ({self.machine}), load {self.load:.1f}; a sleeping process wakes up "
            f"{self.late_median_ns / 1e6:.2f} ms late, one time in 100 {self.late_p99_ns / 1e6:.2f} ms"
        )


def noise() -> Noise:
    """Look how busy the machine is, for a second."""
    late = naps_until(time.monotonic_ns() + _LOOK_NS)
    load = os.getloadavg()[0]
    return Noise(os.cpu_count() or 0, platform.machine(), load, percentile(late, 50), percentile(late, 99))


def naps_until(instant: int) -> list[int]:
    """Sleep until an instant of the monotonic clock, in naps, at least one; return by how many ns each was too long."""
    late = []
    while True:
        now = time.monotonic_ns()
        nap = max(0, min(_NAP_NS, instant - now))
        time.sleep(nap / 1e9)
        late.append(time.monotonic_ns() - now - nap)
        if now + nap >= instant:
            return late
