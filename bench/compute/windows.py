"""What is made of samples: shares in windows, fairness, how soon a share is there, percentiles.

Pure arithmetic. Instants and times are ns, shares are percent.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import NamedTuple

import msgspec


class Sample(NamedTuple):
    """How much of the GPU's time somebody had had at an instant."""

    instant: int
    had: int


Curve = Sequence[Sample]


class Spread(msgspec.Struct, frozen=True):
    """The shares in all windows."""

    least: float
    median: float
    greatest: float

    def off_by(self, asked: float) -> float:
        """By how many percentage points the worst window misses what was asked for."""
        return max(abs(self.least - asked), abs(self.greatest - asked))


def windows(curve: Curve, begin: int, end: int, length: int) -> list[float]:
    """The share in every window of that length between two instants: one begins at each sample.

    A window ends with the first sample that is late enough, so that nothing between samples is guessed.
    """
    shares = []
    instants = [sample.instant for sample in curve]
    for first in curve[bisect_left(instants, begin) :]:
        last = bisect_left(instants, first.instant + length)
        if last == len(curve) or curve[last].instant > end:
            break
        shares.append(_share(first, curve[last]))
    return shares


def spread(shares: Sequence[float]) -> Spread:
    """The least, the median, and the greatest of some shares."""
    return Spread(min(shares), median(shares), max(shares))


def share_between(curve: Curve, begin: int, end: int) -> float:
    """The share from the first to the last sample between two instants. Raises ValueError if there are not two."""
    within = [sample for sample in curve if begin <= sample.instant <= end]
    if len(within) < 2:
        raise ValueError("fewer than two samples")
    return _share(within[0], within[-1])


def weighted_fairness(shares: Sequence[float], asked: Sequence[float]) -> float:
    """Jain's index of what each had of what it had asked for: 1 if all had the same part of it, 1/n if one had all."""
    parts = [share / weight for share, weight in zip(shares, asked, strict=True)]
    squares = sum(part * part for part in parts)
    return sum(parts) ** 2 / (len(parts) * squares) if squares > 0 else 1.0


def settled_after(curve: Curve, begin: int, share: float, tolerance: float, length: int) -> int | None:
    """How long after an instant a share is there: until the first sample after which a window has it.

    So many percentage points more or less are taken for it. None if no window has it.
    """
    instants = [sample.instant for sample in curve]
    for first in curve[bisect_left(instants, begin) :]:
        last = bisect_left(instants, first.instant + length)
        if last == len(curve):
            return None
        if abs(_share(first, curve[last]) - share) <= tolerance:
            return first.instant - begin
    return None


def percentile(values: Sequence[int], percent: float) -> int:
    """The smallest of some values that so many percent of them do not exceed."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1]


def _share(first: Sample, last: Sample) -> float:
    return 100 * (last.had - first.had) / (last.instant - first.instant)
