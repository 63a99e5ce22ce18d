"""All that a run of the whole bench found out, as it is kept."""

from pathlib import Path

import msgspec

from bench.compute.latency import Latency
from bench.compute.noise import Noise
from bench.compute.outcome import Outcome
from bench.compute.overhead import Processor
from bench.compute.policies import Settled
from bench.core.measure import Result


class Results(msgspec.Struct):
    """What `--save` writes. Times are ns."""

    noise: list[Noise] = []
    """Before and after."""
    outcomes: list[Outcome] = []
    latencies: list[Latency] = []
    launches: list[Result] = []
    processor: list[Processor] = []
    settled: list[Settled] = []

    def failures(self) -> list[str]:
        """What could not be run, and why."""
        told = [(one.library, f"{one.group}: {one.name}", one.failure) for one in self.outcomes]
        told += [(one.library, f"a request {one.name}", one.failure) for one in self.latencies]
        told += [(one.library, one.name, one.failure) for one in self.processor]
        told += [(one.library, one.name, one.failure) for one in self.settled]
        told += [(name, row.row, times.failure) for row in self.launches for name, times in row.times.items()]
        return [f"{library}: {name}: {failure}" for library, name, failure in told if failure is not None]


def save(results: Results, path: Path) -> None:
    """Write results to a file, one of the many to a line. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(results).replace(b'{"group"', b'\n{"group"') + b"\n")


def read(path: Path) -> Results:
    """Read what `save` wrote. Raises OSError and msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=Results)
