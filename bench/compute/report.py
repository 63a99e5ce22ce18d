"""Shows results as tables, and in words what is outside the aims."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from bench.compute.latency import Latency
from bench.compute.outcome import Outcome
from bench.compute.overhead import Processor
from bench.compute.policies import Settled
from bench.compute.results import Results
from bench.compute.run import NATIVE
from bench.core.report import table as launches_table

_MS = 1e6


def show(results: Results, console: Console) -> None:
    """Print everything."""
    libraries = dict.fromkeys(outcome.library for outcome in results.outcomes)
    for library in libraries:
        console.print(_outcomes(library, [one for one in results.outcomes if one.library == library]))
    if results.latencies:
        console.print(_latencies(results.latencies))
    if results.settled:
        console.print(_settled(results.settled))
    if results.launches:
        console.print(launches_table(results.launches, NATIVE))
    if results.processor:
        console.print(_processor(results.processor))
    for when, noise in zip(("before", "after"), results.noise, strict=False):
        print(f"machine, {when}: {noise}")
    for line in outside(results):
        print(line)


def outside(results: Results) -> Iterator[str]:
    """What is outside the aims, each in a line."""
    limited = [one for one in results.outcomes if one.library != NATIVE and one.failure is None]
    missed = {f"{one.library}: {one.group}, {one.name}{_disturbed(one)}": list(one.missed()) for one in limited}
    late = [one for one in results.settled if one.failure is None and not one.is_in_time]
    within = sum(not words for words in missed.values())
    disturbed = sum(not one.is_undisturbed for one in limited)
    yield f"within the aims: {within} of {len(missed)} runs; disturbed: {disturbed}"
    for name, words in missed.items():
        if words:
            yield f"outside: {name}: {'; '.join(words)}"
    for one in late:
        yield f"outside: {one.library}: {one.name}: {_after(one)}, not within {one.aim_ms:g} ms"


def _disturbed(outcome: Outcome) -> str:
    late = outcome.late_ns / _MS
    return "" if outcome.is_undisturbed else f" (disturbed: sleeping processes woke up {late:.0f} ms late)"


def _outcomes(library: str, outcomes: Sequence[Outcome]) -> Table:
    shown = Table(title=f"{library}: percent of the GPU's time in windows")
    shown.add_column("")
    shown.add_column("")
    for heading in ("tenant", "asked", "least", "median", "greatest", "fairness", "lost", ""):
        shown.add_column(heading, justify="right")
    group = None
    for outcome in outcomes:
        if outcome.group != group:
            shown.add_section()
        for line in _lines(outcome):
            shown.add_row(outcome.group if outcome.group != group else "", *line)
            group = outcome.group
    return shown


def _lines(outcome: Outcome) -> Iterator[list[str]]:
    if outcome.failure is not None:
        yield [outcome.name, "failed"]
        return
    together = {one.stretch: one for one in outcome.together}
    stretches = dict.fromkeys(one.stretch for one in outcome.judged)
    shown_stretch = None
    for one in outcome.judged:
        name = outcome.name if len(stretches) == 1 else f"{outcome.name}, part {one.stretch + 1}"
        begins = one.stretch != shown_stretch
        shown_stretch = one.stretch
        all_of_them = together.get(one.stretch) if begins else None
        shares = one.shares
        yield [
            name if begins else "",
            one.tenant,
            f"{one.asked:g}",
            *(f"{share:.1f}" for share in (shares.least, shares.median, shares.greatest)),
            "" if all_of_them is None else f"{all_of_them.fairness:.3f}",
            "" if all_of_them is None or all_of_them.lost is None else f"{all_of_them.lost:.1f}",
            "outside" if outcome.library != NATIVE and one.misses else "",
        ]


def _latencies(latencies: Sequence[Latency]) -> Table:
    shown = Table(title="A request of 5 ms of kernels, one each 50 ms, in a share of 30")
    shown.add_column("")
    for heading in ("library", "p50", "p99", "longest", "requests"):
        shown.add_column(heading, justify="right")
    for one in sorted(latencies, key=lambda one: one.name):
        if one.failure is not None:
            shown.add_row(one.name, one.library, "failed")
            continue
        times = (f"{ns / _MS:.1f} ms" for ns in (one.median, one.late, max(one.requests)))
        shown.add_row(one.name, one.library, *times, str(len(one.requests)))
    return shown


def _settled(settled: Sequence[Settled]) -> Table:
    shown = Table(title="After a change, until the share is there")
    shown.add_column("")
    for heading in ("library", "after", "aim"):
        shown.add_column(heading, justify="right")
    for one in settled:
        shown.add_row(one.name, one.library, _after(one), f"{one.aim_ms:g} ms")
    return shown


def _after(one: Settled) -> str:
    if one.failure is not None:
        return "failed"
    return "never" if one.after_ms is None else f"{one.after_ms:.0f} ms"


def _processor(processor: Sequence[Processor]) -> Table:
    shown = Table(title="Processor time while a limit holds a busy program")
    shown.add_column("")
    for heading in ("library", "of a processor", "of that, beyond the same launches without", "launches/s"):
        shown.add_column(heading, justify="right")
    for one in processor:
        if one.held is None:
            shown.add_row(one.name, one.library, "failed")
            continue
        used = 100 * one.held.cpu_ns / one.held.wall_ns
        rate = 1e9 * one.held.launches / one.held.wall_ns
        shown.add_row(one.name, one.library, f"{used:.2f} %", f"{one.added:+.2f} %", f"{rate:,.0f}")
    return shown
