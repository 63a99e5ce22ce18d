"""What `make bench-compute` makes of samples: windows, fairness, loss, and how it judges a run."""

import pytest

from bench.compute.load import Load
from bench.compute.outcome import QUIET_NS, Outcome, Timing, judge, least_disturbed
from bench.compute.scenario import Scenario, Tenant
from bench.compute.windows import (
    Curve,
    Sample,
    Spread,
    percentile,
    settled_after,
    share_between,
    spread,
    weighted_fairness,
    windows,
)

MS = 1_000_000
SECOND = 1_000 * MS
LOAD = Load(cost_ns=MS)


def curve(*shares: tuple[float, float], step_ms: int = 100) -> Curve:
    """Somebody who has a share (percent) for some seconds, then another one for some, sampled every `step_ms`."""
    samples = [Sample(0, 0)]
    for percent, seconds in shares:
        for _ in range(round(seconds * 1000 / step_ms)):
            instant, had = samples[-1]
            samples.append(Sample(instant + step_ms * MS, had + round(percent / 100 * step_ms * MS)))
    return samples


def test_windows_begin_at_each_sample_and_lie_within() -> None:
    seen = windows(curve((0, 1), (30, 3)), 1 * SECOND, 4 * SECOND, 2 * SECOND)
    assert len(seen) == 11  # from 1.0, 1.1, … 2.0 s on
    assert seen == pytest.approx([30] * 11)


def test_a_window_sees_what_is_in_it_alone() -> None:
    seen = windows(curve((100, 1), (0, 3)), 0, 4 * SECOND, 2 * SECOND)
    assert spread(seen) == Spread(0, 0, 50)
    assert spread(seen).off_by(20) == 30


def test_a_window_ends_with_a_sample_not_between_two() -> None:
    samples = [Sample(0, 0), Sample(70, 70), Sample(140, 70)]
    assert windows(samples, 0, 140, 100) == [50]
    assert windows(samples, 0, 139, 100) == []


def test_share_between_needs_two_samples() -> None:
    assert share_between(curve((40, 2)), 0, 2 * SECOND) == pytest.approx(40)
    with pytest.raises(ValueError, match="fewer than two"):
        share_between(curve((40, 2)), 0, 50 * MS)


@pytest.mark.parametrize(
    ("shares", "asked", "fairness"),
    [([30, 70], [30, 70], 1), ([15, 35], [30, 70], 1), ([50, 50], [30, 70], 0.862), ([0, 70], [30, 70], 0.5)],
)
def test_fairness_is_of_what_each_asked_for(shares: list[float], asked: list[float], fairness: float) -> None:
    assert weighted_fairness(shares, asked) == pytest.approx(fairness, abs=0.001)


def test_nobody_who_had_anything_is_fair() -> None:
    assert weighted_fairness([0, 0], [30, 70]) == 1


def test_a_share_is_there_from_the_first_window_that_has_it() -> None:
    samples = curve((0, 1), (10, 0.3), (70, 2))
    assert settled_after(samples, 1 * SECOND, 70, 2, 200 * MS) == 300 * MS
    assert settled_after(samples, 1 * SECOND, 30, 2, 200 * MS) is None
    assert settled_after(samples, 0, 0, 2, 200 * MS) == 0


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 50), (99, 99), (100, 100)])
def test_percentiles_are_values_that_occurred(percent: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == value


def pair(first: Tenant, second: Tenant) -> Scenario:
    return Scenario(group="group", name="name", tenants=(first, second))


def test_stretches_are_those_in_which_nobody_comes_or_goes() -> None:
    first = Tenant(name="a", cores=30, load=LOAD, works=((0, 9),))
    second = Tenant(name="b", cores=70, load=LOAD, works=((0, 3), (6, 9)))
    scenario = pair(first, second)
    assert list(scenario.stretches()) == [(0, 3), (3, 6), (6, 9)]
    assert [scenario.working(*stretch) for stretch in scenario.stretches()] == [
        [first, second],
        [first],
        [first, second],
    ]
    assert scenario.seconds == 9


def judged(first: Curve, second: Curve) -> Outcome:
    tenants = (Tenant(name="a", cores=30, load=LOAD), Tenant(name="b", cores=70, load=LOAD))
    return judge(pair(*tenants), "ours", {"a": first, "b": second}, 0, Timing())


def test_shares_that_are_what_was_asked_are_within_the_aims() -> None:
    outcome = judged(curve((31, 4)), curve((69, 4)))
    assert [one.shares.median for one in outcome.judged] == pytest.approx([31, 69])
    assert list(outcome.missed()) == []


def test_the_first_second_does_not_count() -> None:
    assert list(judged(curve((90, 1), (30, 3)), curve((10, 1), (70, 3))).missed()) == []


def test_all_that_is_outside_the_aims_is_told() -> None:
    outcome = judged(curve((50, 4)), curve((46, 4)))
    assert list(outcome.missed()) == [
        "a had 50.0 to 50.0 % of 30 %",
        "b had 46.0 to 46.0 % of 70 %",
        "fairness 0.841",
        "4.0 % lost",
    ]


def test_long_kernels_may_miss_by_more() -> None:
    tenant = Tenant(name="a", cores=30, load=Load(cost_ns=200 * MS))
    scenario = Scenario(group="group", name="name", tenants=(tenant,))
    assert list(judge(scenario, "ours", {"a": curve((34, 4))}, 0, Timing()).missed()) == []
    assert list(judge(scenario, "ours", {"a": curve((36, 4))}, 0, Timing()).missed()) != []


def test_what_is_lost_is_told_only_where_all_was_asked_for() -> None:
    tenants = (Tenant(name="a", cores=30, load=LOAD), Tenant(name="b", cores=50, load=LOAD))
    outcome = judge(pair(*tenants), "ours", {"a": curve((30, 4)), "b": curve((50, 4))}, 0, Timing())
    assert [one.lost for one in outcome.together] == [None]


def test_a_launch_of_a_graph_takes_as_long_as_its_kernels() -> None:
    assert Load(cost_ns=100, per_block_ns=10, grid=5).launch_ns == 150
    assert Load(cost_ns=100, call="graph", graph=20, wait="ahead").launch_ns == 2000
    assert "ahead=5000" in Load(cost_ns=100, call="graph", graph=20, wait="ahead").arguments()


@pytest.mark.parametrize(
    ("late", "kept", "runs"),
    [([QUIET_NS, 0], QUIET_NS, 1), ([9 * MS, 5 * MS, 7 * MS, 0], 5 * MS, 3), ([9 * MS, 0, 8 * MS], 0, 2)],
)
def test_runs_are_done_again_while_they_are_disturbed(late: list[int], kept: int, runs: int) -> None:
    outcomes = [Outcome("group", "name", "ours", late_ns=each) for each in late]
    waiting = iter(outcomes)
    assert least_disturbed(lambda: next(waiting), 3).late_ns == kept
    assert len(list(waiting)) == len(late) - runs
