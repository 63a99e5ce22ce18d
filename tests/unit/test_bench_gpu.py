"""`python3 -m bench.gpu` on a simulated GPU: what of it needs no PyTorch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.gpu.report import Report
from bench.gpu.running import ProgramError, answer
from bench.gpu.share_folder import make_share
from hami_dra.native import lib
from hami_dra.shares.folder import ShareFolders
from hami_dra.shares.share import Share
from hami_dra.sim import create_machine, simulated_gpus

ROOT = Path(__file__).parents[2]
MIB = 2**20
BENCH = [sys.executable, "-m", "bench.gpu"]
STREAM_CAPTURE_INVALIDATED = 901


def test_the_report_says_that_the_limit_holds(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "machine", simulated_gpus(1, memory_bytes=16 * 2**30))
    report = tmp_path / "report.json"
    done = subprocess.run(
        [*BENCH, "--limit-mib=1000", "--seconds=1", f"--out={report}"],
        cwd=ROOT,
        env=os.environ | {"LD_LIBRARY_PATH": str(machine.library_dir), "CC": f"{sys.executable} -m ziglang cc"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(report.read_text())
    assert results["view"] == {"free": 1000 * MIB, "total": 1000 * MIB, "largest": 1000 * MIB, "missed_by": 0}
    assert results["processes"]["held"] == 992 * MIB  # whole chunks of 16 MiB
    assert results["limit_holds"]
    compute = results["compute"]
    assert compute["kernel_us"] >= 1000
    assert [compute[name]["asked"] for name in ("alone", "graphs", "pair")] == [30, 30, [30, 70]]
    assert all(had > 0 for had in (compute["alone"]["had"], compute["graphs"]["had"]))
    assert all(had > 0 for name in ("pair", "pair_without_limiter") for had in compute[name]["had"])
    assert results["failed"] == {}
    assert set(results["left_out"].values()) == {"no PyTorch here"}
    facts = results["facts"]
    assert {fact["exit_code"] for fact in facts.values()} == {0}
    assert facts["captures"]["in a thread that is as it is"]["end of the capture"] == STREAM_CAPTURE_INVALIDATED
    assert facts["pointers"] == {"alive": 0, "ended": 1, "exit_code": 0}
    assert facts["own_memory"]["lists"]["ComputeRunningProcesses_v3"] == [0, 1]
    for kind in "sparse", "deferred":
        kept = facts[f"{kind}_arrays"]
        assert kept["map"] == 0
        assert (kept["after cuMemRelease"], kept["after unmapping"], kept["and waiting"]) == (64, 64, 0)
    imported = facts["imported_memory"]
    assert (imported["after"] - imported["before"], imported["its maker has ended"] - imported["before"]) == (0, 2**28)
    freed = facts["freed_in_order"]
    assert (freed["after cuMemFreeAsync"], freed["and waiting"]) == (64, 0)
    assert (facts["multicast"]["after cuMemRelease"], facts["multicast"]["and that of the object"]) == (64, 0)
    assert facts["managed_pools"]["touched"] == [64, 64]
    full = facts["full_streams"]
    assert (full["held up"], full["events"]) == (True, 1023)  # and the function
    assert all(full["returns to another thread meanwhile"].values())


def test_what_fails_or_has_no_time_is_told_beside_the_rest(tmp_path: Path) -> None:
    report = Report(tmp_path / "report.json", seconds=60)
    report.run("one", lambda: 1)
    report.run("two", lambda: 1 / 0)
    assert json.loads((tmp_path / "report.json").read_text()) == {
        "one": 1,
        "failed": {"two": "ZeroDivisionError: division by zero"},
        "left_out": {},
    }
    late = Report(None, seconds=0)
    late.run("three", lambda: 3)
    assert (late.results, late.left_out) == ({}, {"three": "no time was left"})


def test_a_program_that_hangs_or_dies_is_given_up(tmp_path: Path) -> None:
    for code, problem in (
        ("import time; time.sleep(60)", "ended with -9"),
        ("import os, sys; print('why', file=sys.stderr); os.abort()", "ended with -6: why"),
        ('print(\'{"error": "no device: 100"}\')', "no device: 100"),
    ):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process, pytest.raises(ProgramError, match=problem):
            answer(process, seconds=2)


def test_without_a_compiler_the_rest_is_told(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "machine", simulated_gpus(1, memory_bytes=16 * 2**30))
    done = subprocess.run(
        [*BENCH, "--limit-mib=1000", f"--library={lib('libvgpu.so')}"],
        cwd=ROOT,
        env=os.environ | {"LD_LIBRARY_PATH": str(machine.library_dir), "CC": "no-such-compiler"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    results = json.loads(done.stdout)
    assert done.returncode == 0
    assert results["failed"].keys() == {"load"}
    assert "no-such-compiler" in results["failed"]["load"]
    assert results["limit_holds"]


def test_a_share_is_laid_out_as_the_plugin_does_it(tmp_path: Path) -> None:
    """bench/gpu has no library but Python's, so it writes the files by itself."""
    uuid = simulated_gpus(1)[0].uuid
    shares = make_share(tmp_path / "theirs", "30", uuid, 1000 * MIB, 30)
    share = Share(
        claim_namespace="",
        claim_name="",
        claim_uid="0",
        request="",
        share_id="0",
        pool="",
        device="",
        gpu_uuid=uuid,
        cores=30,
        memory=1000 * MIB,
    )
    folders = ShareFolders(tmp_path / "ours" / "shares")
    folders.ensure(share)
    for name in ("limits", "region"):
        assert (shares / "30" / name).read_bytes() == (folders.path(share) / name).read_bytes()
    turns = [
        {path.relative_to(tmp_path / whose): path.read_bytes() for path in (tmp_path / whose / "turns").rglob("*/*")}
        for whose in ("ours", "theirs")
    ]
    assert turns[0] == turns[1]
    assert len(turns[0]) == 3


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    done = subprocess.run(BENCH, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "bench.gpu needs NVIDIA's driver: libcuda.so.1" in done.stderr
    assert "Traceback" not in done.stderr
