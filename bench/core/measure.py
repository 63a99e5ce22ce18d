"""Times rows for all subjects in turn, so that what disturbs the machine disturbs all of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import msgspec

from bench.core.program import ProgramError
from bench.core.rows import Repeat, Row
from bench.core.subject import Subject, lay_out


class Times(msgspec.Struct, frozen=True):
    """One subject's repetitions of one row in ns per operation, or why there are none."""

    samples: list[float]
    failure: str | None = None

    @property
    def median(self) -> float:
        """The median repetition, in ns per operation."""
        return median(self.samples)

    @property
    def spread(self) -> float:
        """How far apart the quartiles lie, as a part of the median; 0 of a single repetition."""
        if len(self.samples) < 2:
            return 0.0
        lower, _, upper = quantiles(self.samples, n=4)
        return (upper - lower) / self.median


class Result(msgspec.Struct, frozen=True):
    """One row's times by subject."""

    row: str
    times: dict[str, Times]

    def added(self, name: str, base: str) -> float:
        """The median ns that a subject adds to each operation of `base`, of repetitions that were neighbours."""
        pairs = zip(self.times[name].samples, self.times[base].samples, strict=True)
        return median(ours - theirs for ours, theirs in pairs)

    def ratio(self, name: str, base: str) -> float:
        """The median ratio of a subject's times to those of `base`, of repetitions that were neighbours."""
        pairs = zip(self.times[name].samples, self.times[base].samples, strict=True)
        return median(ours / theirs for ours, theirs in pairs)


def measure(row: Row, program: Path, libraries: Mapping[str, Path | None]) -> Result:
    """Time a row with each library, by name; None is the driver alone. All begin on machines that nobody has used.

    A library that fails drops out of the row, and its failure is told. Raises ProgramError if one holds no limit.
    """
    with TemporaryDirectory(prefix="bench-core-") as folder:
        subjects = [
            lay_out(Path(folder, name), name, program, library, row.context_ms) for name, library in libraries.items()
        ]
        return measure_in_turn(row, subjects)


def measure_in_turn(row: Row, subjects: Sequence[Subject]) -> Result:
    """Time a row with subjects that are laid out already. One that fails drops out, and its failure is told."""
    samples: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    failures: dict[str, str] = {}
    repeats: dict[str, Repeat] = {}
    with ExitStack() as stack:
        for subject in subjects:
            with _told(subject.name, failures):
                repeats[subject.name] = row.begin(subject, stack)
        order = list(repeats)
        for _ in range(row.repetitions):
            order.reverse()  # so that none is always first after a pause
            for name in order:
                if name not in failures:
                    with _told(name, failures):
                        samples[name].append(repeats[name]())
    return Result(row.name, {name: _times(samples[name], failures.get(name)) for name in samples})


@contextmanager
def _told(name: str, failures: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except ProgramError as error:
        failures[name] = str(error)


def _times(samples: list[float], failure: str | None) -> Times:
    return Times([] if failure is not None else samples, failure)
