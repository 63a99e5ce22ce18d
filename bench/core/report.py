"""Shows results as a table: each library's medians beside those of the driver alone."""

from collections.abc import Sequence

from rich.table import Table

from bench.core.measure import Result, Times

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def table(results: Sequence[Result], base: str) -> Table:
    """One line per result, and for each subject but `base` what it adds to `base`."""
    names = [name for name in results[0].times if name != base]
    shown = Table(title="Medians per operation")
    shown.add_column("")
    shown.add_column(base, justify="right")
    shown.add_column("±", justify="right")
    for name in names:
        shown.add_column(name, justify="right", overflow="fold")
        shown.add_column("added", justify="right")
        shown.add_column("ratio", justify="right")
    for result in results:
        shown.add_row(
            result.row, *_base(result.times[base]), *(c for name in names for c in _cells(result, name, base))
        )
    return shown


def _base(times: Times) -> list[str]:
    return ["failed", ""] if times.failure is not None else [_time(times.median), f"{times.spread / 2:.0%}"]


def _cells(result: Result, name: str, base: str) -> list[str]:
    times = result.times[name]
    if times.failure is not None:
        return ["failed", "", ""]
    if result.times[base].failure is not None:
        return [_time(times.median), "", ""]
    return [_time(times.median), _time(result.added(name, base), "+"), f"{result.ratio(name, base):.2f}"]


def _time(ns: float, sign: str = "") -> str:
    """Three digits or so in the largest unit that leaves something before the point."""
    scale, unit = next(((scale, unit) for scale, unit in _UNITS if abs(ns) >= scale), _UNITS[-1])
    value = ns / scale
    digits = 0 if abs(value) >= 100 else 1
    return f"{value:{sign}.{digits}f} {unit}"
