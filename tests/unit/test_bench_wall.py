"""`python3 -m bench.gpu.wall` on simulated GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.cgroups import cgroup, mount

ROOT = Path(__file__).parents[2]
MIB, GIB = 2**20, 2**30
CONTEXT = 300 * MIB

pytestmark = pytest.mark.not_sanitized(reason="it compiles what it runs")


def run(machine: Machine, *options: str | Path) -> "subprocess.CompletedProcess[str]":
    variables = {"LD_LIBRARY_PATH": str(machine.library_dir), "CC": f"{sys.executable} -m ziglang cc"}
    return subprocess.run(
        [sys.executable, "-m", "bench.gpu.wall", "--limit-mib=1000", *options],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")
def test_the_report_says_that_the_limit_holds(tmp_path: Path) -> None:
    with cgroup():
        pass
    driver = SimulatedDriver("615.71.09", "13.4", context_memory_bytes=CONTEXT)
    machine = create_machine(tmp_path / "machine", simulated_gpus(2, memory_bytes=16 * GIB), driver)
    done = run(machine, f"--cgroups={mount()}", "--gpu=1", f"--out={tmp_path / 'report.json'}")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["holds"]
    assert report["gpu"] == machine.gpus[1].uuid
    taken = {check["taken"] for name, check in report["checks"].items() if name.startswith("take ")}
    assert taken == {1000 * MIB - CONTEXT}
    assert report["checks"]["view"]["total"] == 1000 * MIB
    assert report["failed"] == {}
    assert report["seen"]["with memory in use"]["a limit below that"] == "nvmlDeviceSetMemoryLimits_v1 answered 2"
    assert report["seen"]["half a limit and a byte"]["hard"] == 500 * MIB + 1


def test_a_machine_that_cannot_says_what_is_missing(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "machine", simulated_gpus(1))
    done = run(machine, f"--cgroups={tmp_path}")
    assert done.returncode == 2
    assert f"This machine cannot: cgroup v2 is not mounted at {tmp_path}" in done.stdout
    assert "This machine cannot: its driver is 580.65.06, and limits came with R615." in done.stdout
    done = run(machine, "--gpu=1")
    assert "NVML gives no GPU 1" in done.stdout
