"""`make bench-compute`, as quickly as it goes: that every kind of run comes out, not what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.compute.load import Load
from bench.compute.outcome import QUICK
from bench.compute.plots import PICTURES, draw
from bench.compute.policies import shares
from bench.compute.results import Results, read
from bench.compute.run import NATIVE, Bench
from bench.compute.scenario import Scenario, Tenant
from bench.compute.scenarios import all_scenarios, scenarios, unlimited
from bench.compute.site import compile_load
from hami_dra.native import lib

ROOT = Path(__file__).parents[2]


def bench(*options: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bench.compute", "--quick", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Results:
    path = tmp_path_factory.mktemp("bench") / "results.json"
    done = bench("--save", path)
    assert done.returncode == 0, done.stderr
    assert "within the aims: " in done.stdout
    return read(path)


def test_every_kind_of_run_is_judged(saved: Results) -> None:
    limited = {scenario.group for scenario in (*scenarios(), *shares())}
    assert {one.group for one in saved.outcomes if one.library == "ours"} == limited
    assert {one.group for one in saved.outcomes if one.library == NATIVE} == {one.group for one in unlimited()}
    for outcome in saved.outcomes:
        assert outcome.judged, outcome.name
        assert all(0 <= one.shares.least <= one.shares.median <= one.shares.greatest <= 101 for one in outcome.judged)


def test_requests_launches_and_changes_are_timed(saved: Results) -> None:
    assert {one.library for one in saved.latencies} == {NATIVE, "ours"}
    assert all(len(one.requests) > 1 and min(one.requests) >= 5_000_000 for one in saved.latencies)
    assert [set(row.times) for row in saved.launches] == [{NATIVE, "ours", "ours, cores: 100"}] * 2
    assert all(len(times.samples) == 1 for row in saved.launches for times in row.times.values())
    assert len(saved.settled) == 4
    assert all(one.held is not None and one.held.launches > 0 for one in saved.processor)


def test_another_library_is_judged_in_the_same_runs(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    done = bench("--save", path, "--compare", lib("libvgpu.so"), "--only", ": limits, ")
    assert done.returncode == 0, done.stderr
    assert [(one.library, one.name) for one in read(path).outcomes] == [("ours", "limit 95"), ("compared", "limit 95")]
    draw(read(path), tmp_path / "pictures")
    drawn = {picture.name: picture.read_text() for picture in (tmp_path / "pictures").iterdir()}
    assert set(drawn) == {"limits.svg", "deviations.svg"}  # there is nothing to be drawn in the others
    assert "compared" in drawn["limits.svg"]


def test_pictures_are_drawn_from_what_was_saved(saved: Results, tmp_path: Path) -> None:
    draw(saved, tmp_path)
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(drawn) == {f"{picture.__name__}.svg" for picture in PICTURES}
    draw(saved, tmp_path / "again")
    assert all((tmp_path / "again" / name).read_bytes() == content for name, content in drawn.items())


def test_a_program_that_fails_is_told_with_its_run(tmp_path: Path) -> None:
    tenant = Tenant(name="a", cores=30, load=Load(cost_ns=1000, grid=0))
    outcome = Bench(compile_load(tmp_path), QUICK, NATIVE, None).outcome(
        Scenario(group="group", name="name", tenants=(tenant,))
    )
    assert outcome.failure == "cuLaunchKernel: 1"
    assert Results(outcomes=[outcome]).failures() == ["native: group: name: cuLaunchKernel: 1"]


def test_runs_have_names_of_their_own() -> None:
    names = [(scenario.group, scenario.name) for scenario in (*all_scenarios(), *shares(), *unlimited())]
    assert len(set(names)) == len(names)


def test_results_that_cannot_be_read_are_refused_with_their_name(tmp_path: Path) -> None:
    wrong = tmp_path / "results.json"
    wrong.write_text("{")
    command = [sys.executable, "-m", "bench.compute.plots", str(wrong), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert str(wrong) in done.stderr
    assert "Traceback" not in done.stderr
