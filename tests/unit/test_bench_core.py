"""`make bench-core`, as quickly as it goes: that every row comes out, not what it says."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec

from bench.core.measure import Result, Times, measure
from bench.core.program import compile_program
from bench.core.rows import Repeat, Row, rows
from bench.core.subject import Subject
from hami_dra.native import lib

ROOT = Path(__file__).parents[2]
ONE_EACH = {"native": 1, "ours": 1, "compared": 1}


def bench(*options: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bench.core", "--quick", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_row_is_timed_for_the_driver_our_library_and_another(tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    done = bench("--save", saved, "--compare", lib("libvgpu.so"))
    assert done.returncode == 0, done.stderr
    results = msgspec.json.decode(saved.read_bytes(), type=list[Result])
    names = [row.name for row in rows()]
    assert [result.row for result in results] == names
    for result in results:
        assert {name: len(times.samples) for name, times in result.times.items()} == ONE_EACH
    assert all(name in done.stdout for name in names)


def test_chosen_rows_are_timed_alone() -> None:
    done = bench("--only", "/bin/true")
    assert (done.returncode, done.stderr) == (0, "start of /bin/true\n")
    assert "cuInit" not in done.stdout


def test_rows_that_are_not_there_are_an_error() -> None:
    done = bench("--only", "nothing")
    assert (done.returncode, done.stderr) == (1, "no row has 'nothing' in its name\n")


def test_a_library_that_holds_no_limit_is_not_compared() -> None:
    done = bench("--compare", lib("sim/libnvidia-ml.so"))
    assert done.returncode == 1
    assert "libnvidia-ml.so holds no limit" in done.stderr
    assert done.stdout == ""


def test_a_subject_that_fails_drops_out_of_the_row_alone(tmp_path: Path) -> None:
    def begin(subject: Subject, stack: ExitStack) -> Repeat:
        program = stack.enter_context(subject.start())
        command = {"lasts": "alloc 1 1", "refuses": "no such thing", "dies": "spawn 1 /bin/false"}[subject.name]
        return lambda: program.ask(command)

    result = measure(Row("row", 3, begin), compile_program(tmp_path), {"lasts": None, "refuses": None, "dies": None})
    assert result.times["lasts"].failure is None
    assert len(result.times["lasts"].samples) == 3
    assert result.times["refuses"] == Times([], "no such command: 3")
    assert result.times["dies"] == Times([], "a process that was started: 256")


def test_differences_are_those_of_neighbours() -> None:
    result = Result("row", {"native": Times([10, 1000, 20]), "ours": Times([15, 1010, 30])})
    assert result.added("ours", "native") == 10  # 5, 10, 10
    assert result.ratio("ours", "native") == 1.5  # 1.5, 1.01, 1.5
