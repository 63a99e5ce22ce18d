"""What libvgpu.so costs: times it beside the driver alone, and beside another libvgpu.so."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from bench.core.measure import Result, measure
from bench.core.program import ProgramError, compile_program
from bench.core.report import table
from bench.core.rows import Row, once, rows
from hami_dra.native import lib
from hami_dra.sim import MachineError

_NATIVE = "native"
_WIDTH = 150  # of the table, also where the output is not a terminal


def main(
    compare: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Another libvgpu.so to time as well.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="Write every repetition of every row to this JSON file.")] = None,
    quick: Annotated[
        bool, typer.Option(help="One repetition of each: shows that it works, not what it costs.")
    ] = False,
    only: Annotated[str, typer.Option(help="Rows that have these words in their names.")] = "",
) -> None:
    """Time libvgpu.so beside the driver alone, on simulated GPUs."""
    chosen = [once(row) if quick else row for row in rows() if only in row.name]
    if not chosen:
        raise SystemExit(f"no row has {only!r} in its name")
    try:
        libraries = {_NATIVE: None, "ours": lib("libvgpu.so")} | ({} if compare is None else {"compared": compare})
        results = _measure(libraries, chosen)
        Console(width=_WIDTH).print(table(results, _NATIVE))
        if save is not None:
            _save(results, save)
    except (ProgramError, MachineError, OSError) as error:
        raise SystemExit(str(error)) from error
    failures = list(_failures(results))
    if failures:
        raise SystemExit("\n".join(failures))


def _measure(libraries: Mapping[str, Path | None], chosen: Sequence[Row]) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-core-") as folder:
        program = compile_program(Path(folder))
        for row in chosen:
            print(row.name, file=sys.stderr, flush=True)  # not a spinner, which would run beside what is timed
            results.append(measure(row, program, libraries))
    return results


def _save(results: list[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")


def _failures(results: list[Result]) -> Iterator[str]:
    for result in results:
        for name, times in result.times.items():
            if times.failure is not None:
                yield f"{name}: {result.row}: {times.failure}"


if __name__ == "__main__":
    typer.run(main)
