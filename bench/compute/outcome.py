"""What came out of one run, judged against the aims."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from bench.compute.scenario import Scenario, Tenant
from bench.compute.windows import Curve, Spread, share_between, spread, weighted_fairness, windows

_SECOND = 1_000_000_000
_LONG_KERNEL_NS = 100_000_000
_SERIES_NS = 95_000_000

OFF_BY, OFF_BY_LONG = 2.0, 5.0
"""Percentage points by which a window may miss what was asked; the second where kernels take 200 ms."""
FAIRNESS, LOST = 0.99, 2.0
QUIET_NS = 1_000_000
"""A run is undisturbed if 99 of 100 times a sleeping process woke up no later than that."""


@dataclass(frozen=True)
class Timing:
    """How a run is looked at, in seconds. `scale` is what all times of a scenario are multiplied by."""

    scale: float = 1.0
    first: float = 1.0
    """After somebody has begun or stopped: what comes then is not judged."""
    window: float = 2.0
    sample: float = 0.02
    attempts: int = 3
    """How often a run may be done until one is not disturbed."""


NORMAL = Timing()
QUICK = Timing(scale=0.1, first=0.05, window=0.1, sample=0.01, attempts=1)


class Judged(msgspec.Struct, frozen=True):
    """One tenant's shares in the windows of one stretch, during which nobody began or stopped."""

    tenant: str
    stretch: int
    asked: float
    shares: Spread
    aim: float

    @property
    def misses(self) -> bool:
        """Whether a window is further from what was asked than aimed at."""
        return self.shares.off_by(self.asked) > self.aim


class Together(msgspec.Struct, frozen=True):
    """All tenants in one stretch: fairness, and what nobody had though they had asked for all; None where not so."""

    stretch: int
    fairness: float
    lost: float | None


class Outcome(msgspec.Struct, frozen=True):
    """One run with one library, or why there is none.

    `series` is, where there are several tenants, what each had had by then: [ns since the beginning, ns] per sample.
    """

    group: str
    name: str
    library: str
    judged: list[Judged] = []
    together: list[Together] = []
    series: dict[str, list[tuple[int, int]]] = {}
    late_ns: int = 0
    """How late processes that slept woke up during it, 99 of 100 times."""
    failure: str | None = None

    @property
    def is_undisturbed(self) -> bool:
        """Whether the machine did little else during the run."""
        return self.late_ns <= QUIET_NS

    def missed(self) -> Iterator[str]:
        """What is outside the aims, in words."""
        several = len({one.stretch for one in self.judged}) > 1
        for one in self.judged:
            if one.misses:
                shares = f"had {one.shares.least:.1f} to {one.shares.greatest:.1f} % of {one.asked:g} %"
                yield f"{part(one.stretch) if several else ''}{one.tenant} {shares}"
        for all_of_them in self.together:
            if all_of_them.fairness < FAIRNESS:
                yield f"{part(all_of_them.stretch) if several else ''}fairness {all_of_them.fairness:.3f}"
            if all_of_them.lost is not None and all_of_them.lost >= LOST:
                yield f"{part(all_of_them.stretch) if several else ''}{all_of_them.lost:.1f} % lost"


def part(stretch: int) -> str:
    """What a stretch is called, before something said of it."""
    return f"part {stretch + 1}: "


def least_disturbed(attempt: Callable[[], Outcome], attempts: int) -> Outcome:
    """Do a run until it was not disturbed, at most so many times; what came out does not matter."""
    outcomes: list[Outcome] = []
    while len(outcomes) < attempts and not any(one.is_undisturbed for one in outcomes):
        outcomes.append(attempt())
    return min(outcomes, key=lambda one: one.late_ns)


def judge(
    scenario: Scenario, library: str, curves: Mapping[str, Curve], begin: int, timing: Timing, late_ns: int = 0
) -> Outcome:
    """Judge a run that began at an instant; `curves` are the tenants' by name."""
    judged: list[Judged] = []
    together: list[Together] = []
    for stretch, (start, stop) in enumerate(scenario.stretches()):
        tenants = scenario.working(start, stop)
        since = begin + round((start * timing.scale + timing.first) * _SECOND)
        until = begin + round(stop * timing.scale * _SECOND)
        shares = {t.name: windows(curves[t.name], since, until, round(timing.window * _SECOND)) for t in tenants}
        if all(shares.values()):
            judged += [Judged(t.name, stretch, t.asked, spread(shares[t.name]), _aim(t)) for t in tenants]
            if len(tenants) > 1:
                together.append(_together(stretch, tenants, curves, since, until))
    series = {name: _series(curve, begin) for name, curve in curves.items()} if len(curves) > 1 else {}
    return Outcome(scenario.group, scenario.name, library, judged, together, series, late_ns)


def _series(curve: Curve, begin: int) -> list[tuple[int, int]]:
    """Some of the samples, enough to draw them."""
    kept: list[tuple[int, int]] = []
    for instant, had in curve:
        if not kept or instant - begin >= kept[-1][0] + _SERIES_NS:
            kept.append((instant - begin, had))
    return kept


def _aim(tenant: Tenant) -> float:
    return OFF_BY_LONG if tenant.load.launch_ns >= _LONG_KERNEL_NS else OFF_BY


def _together(stretch: int, tenants: Sequence[Tenant], curves: Mapping[str, Curve], since: int, until: int) -> Together:
    shares = [share_between(curves[tenant.name], since, until) for tenant in tenants]
    asked = [tenant.asked for tenant in tenants]
    lost = 100 - sum(shares) if sum(asked) >= 100 else None
    return Together(stretch, weighted_fairness(shares, asked), lost)
