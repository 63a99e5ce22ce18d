"""Draws saved results: `python -m bench.compute.plots RESULTS.json FOLDER` writes the pictures of docs/compute.md."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import msgspec
import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.compute.outcome import OFF_BY, Outcome
from bench.compute.results import Results, read
from bench.compute.run import NATIVE

_COLOURS = {"ours": "#1f5fa8", "compared": "#c0561f", NATIVE: "#8a8a8a"}
_TENANTS = ("#1f5fa8", "#c0561f", "#3f8f4f", "#8a5fa8")
_WINDOW_NS = 500_000_000


def limits(results: Results) -> Figure | None:
    """What a tenant alone on the GPU had, against what it asked for: the median window, and from least to greatest."""
    runs = list(_by_library(results, lambda outcome: outcome.group == "limits"))
    if not runs:
        return None
    figure = Figure(figsize=(4.5, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], color="#c8c8c8", linewidth=1)
    for library, outcomes in runs:
        judged = [one for outcome in outcomes for one in outcome.judged]
        axes.errorbar(
            [one.asked for one in judged],
            [one.shares.median for one in judged],
            yerr=_bars([(one.shares.least, one.shares.median, one.shares.greatest) for one in judged]),
            fmt="o",
            markersize=4,
            capsize=3,
            color=_COLOURS[library],
            label=library,
        )
    axes.set(xlabel="asked for, % of the GPU's time", ylabel="had, %", xlim=(0, 100), ylim=(0, 105))
    if len(runs) > 1:
        axes.legend()
    return figure


def deviations(results: Results) -> Figure | None:
    """By how much each run of a single tenant is off: the median window, from the least to the greatest."""
    runs = list(_by_library(results, lambda outcome: outcome.group != "policies" and len(outcome.judged) == 1))
    names = list(dict.fromkeys(f"{one.group}: {one.name}" for _, outcomes in runs for one in outcomes))
    if not names:
        return None
    figure = Figure(figsize=(8, 1 + 0.19 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(-OFF_BY, OFF_BY, color="#e4ede4")
    for place, (library, outcomes) in enumerate(runs):
        off = [(one.name, one.group, one.judged[0].shares, one.judged[0].asked) for one in outcomes]
        axes.errorbar(
            [shares.median - asked for _, _, shares, asked in off],
            [names.index(f"{group}: {name}") + 0.25 * place for name, group, _, _ in off],
            xerr=_bars([(shares.least, shares.median, shares.greatest) for _, _, shares, _ in off]),
            fmt="o",
            markersize=3,
            capsize=2,
            color=_COLOURS[library],
            label=library,
        )
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="percentage points more than asked for", ylim=(len(names) - 0.5, -0.5))
    if len(runs) > 1:
        axes.legend(loc="lower right")
    return figure


def tenants(results: Results) -> Figure | None:
    """How tenants that come and go share the GPU, in windows of half a second."""
    runs = [one for one in results.outcomes if one.group.endswith("coming and going") and one.library == "ours"]
    if not runs:
        return None
    figure = Figure(figsize=(8, 1 + 1.7 * len(runs)), layout="constrained")
    for axes, outcome in zip(figure.subplots(len(runs), 1, squeeze=False)[:, 0], runs, strict=True):
        _draw_series(axes, outcome)
    return figure


def latency(results: Results) -> Figure | None:
    """Which part of all requests took no longer than that."""
    names = list(dict.fromkeys(one.name for one in results.latencies))
    if not names:
        return None
    longest = max((max(one.requests) for one in results.latencies if one.failure is None), default=1)
    figure = Figure(figsize=(8, 3), layout="constrained")
    figure.supylabel("part of the requests that took no longer", fontsize=9)
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        for one in results.latencies:
            if one.name == name and one.failure is None:
                axes.ecdf([ns / 1e6 for ns in one.requests], color=_COLOURS[one.library], label=one.library)
        axes.set(title=name, xlabel="ms", xlim=(0, longest / 1e6), ylim=(0, 1))
        axes.legend(loc="lower right")
    return figure


PICTURES: tuple[Callable[[Results], Figure | None], ...] = (limits, deviations, tenants, latency)


def draw(results: Results, folder: Path) -> None:
    """Write every picture that there is something for into a folder, as SVG, named by its function. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with _style():
        for picture in PICTURES:
            if (figure := picture(results)) is not None:
                figure.savefig(folder / f"{picture.__name__}.svg", metadata={"Date": None})


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": "hami-dra",  # the same results give the same file
        }
    )


def _by_library(results: Results, wanted: Callable[[Outcome], bool]) -> Iterator[tuple[str, list[Outcome]]]:
    for library in dict.fromkeys(one.library for one in results.outcomes if one.library != NATIVE):
        if outcomes := [one for one in results.outcomes if one.library == library and one.judged and wanted(one)]:
            yield library, outcomes


def _bars(spreads: Sequence[tuple[float, float, float]]) -> list[list[float]]:
    """How far the least and the greatest are from the median, as matplotlib wants it."""
    return [[middle - least for least, middle, _ in spreads], [greatest - middle for _, middle, greatest in spreads]]


def _draw_series(axes: Axes, outcome: Outcome) -> None:
    for colour, (name, series) in zip(_TENANTS, outcome.series.items(), strict=False):
        axes.plot(*_moving(series), color=colour, label=f"asked for {name} %", linewidth=1.3)
    axes.set(title=f"{outcome.group}: {outcome.name}", ylabel="% of the GPU's time", ylim=(0, 105), xlim=(0, None))
    axes.set_xlabel("s")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def _moving(series: Sequence[tuple[int, int]]) -> tuple[list[float], list[float]]:
    """Seconds, and the share in the window around each."""
    times, shares = [], []
    last = 0
    for first, (instant, had) in enumerate(series):
        while last < len(series) and series[last][0] < instant + _WINDOW_NS:
            last += 1
        if last == len(series):
            break
        assert last > first
        until, then = series[last]
        times.append((instant + until) / 2e9)
        shares.append(100 * (then - had) / (until - instant))
    return times, shares


def main(
    results: Annotated[Path, typer.Argument(help='What `make bench-compute ARGS="--save FILE"` has written.')],
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")],
) -> None:
    """Draw saved results."""
    try:
        draw(read(results), folder)
    except (OSError, msgspec.DecodeError) as error:
        raise SystemExit(f"{results}: {error}") from error


if __name__ == "__main__":
    typer.run(main)
