"""How well the compute limiter of libvgpu.so holds shares of a GPU's time, on simulated GPUs."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.compute.latency import latencies
from bench.compute.noise import noise
from bench.compute.outcome import NORMAL, QUICK, Outcome
from bench.compute.overhead import launches, processor
from bench.compute.policies import settling, shares
from bench.compute.report import show
from bench.compute.results import Results, save
from bench.compute.run import NATIVE, Bench
from bench.compute.scenario import Scenario
from bench.compute.scenarios import all_scenarios, one_of_each, scenarios, unlimited
from bench.compute.site import compile_load
from bench.core.program import ProgramError
from hami_dra.native import lib
from hami_dra.sim import MachineError

_WIDTH = 150  # of the tables, also where the output is not a terminal


def main(
    compare: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Another libvgpu.so to judge as well.")
    ] = None,
    save_to: Annotated[Path | None, typer.Option("--save", help="Write all results to this JSON file.")] = None,
    quick: Annotated[
        bool, typer.Option(help="A moment of one run of each kind: shows that it works, not how well.")
    ] = False,
    full: Annotated[bool, typer.Option(help="Every combination: half an hour, or more on a busy machine.")] = False,
    only: Annotated[str, typer.Option(help="Only what is told, as it begins, by a line with this in it.")] = "",
) -> None:
    """Judge libvgpu.so by the time that tenants have of a simulated GPU, which knows what it gave to whom."""
    try:
        with tempfile.TemporaryDirectory(prefix="bench-compute-") as folder:
            program, timing = compile_load(Path(folder)), QUICK if quick else NORMAL
            native = Bench(program, timing, NATIVE, None)
            libraries = {"ours": lib("libvgpu.so")} | ({} if compare is None else {"compared": compare})
            limited = [Bench(program, timing, name, library) for name, library in libraries.items()]
            results = Results(noise=[noise()])
            of_limiters = [*(all_scenarios() if full else scenarios()), *shares()]
            for scenarios_of, benches in ((of_limiters, limited), ([*unlimited()], [native])):
                results.outcomes += _outcomes(one_of_each(scenarios_of) if quick else scenarios_of, benches, only)
            _run_others(results, native, limited, only, once=quick)
            results.noise.append(noise())
        if not results.outcomes:
            raise SystemExit(f"there is no run whose group and name contain {only!r}")
        show(results, Console(width=_WIDTH))
        if save_to is not None:
            save(results, save_to)
    except (ProgramError, MachineError, OSError) as error:
        raise SystemExit(str(error)) from error
    if failures := results.failures():
        raise SystemExit("\n".join(failures))


def _outcomes(chosen: Sequence[Scenario], benches: Sequence[Bench], only: str) -> Iterator[Outcome]:
    for scenario in chosen:
        for bench in benches:
            if _begins(bench.name, f"{scenario.group}, {scenario.name}", only):
                yield bench.outcome(scenario)


def _run_others(results: Results, native: Bench, limited: Sequence[Bench], only: str, *, once: bool) -> None:
    for bench in (native, *limited):
        if _begins(bench.name, "latency", only):
            results.latencies += latencies(bench)
    for bench in limited:
        if _begins(bench.name, "changes", only):
            results.settled += settling(bench)
        if _begins(bench.name, "processor time", only):
            results.processor += processor(bench, native)
    if _begins("all", "launches", only):
        results.launches += launches([native, *limited], once=once)


def _begins(library: str, what: str, only: str) -> bool:
    """Whether something is wanted; then it is told: not by a spinner, which would run beside what is measured."""
    line = f"{library}: {what}"
    wanted = only in line
    if wanted:
        print(line, file=sys.stderr, flush=True)
    return wanted


if __name__ == "__main__":
    typer.run(main)
