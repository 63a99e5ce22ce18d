"""`python3 -m bench.gpu` on a simulated GPU: what of it needs no PyTorch."""

import json
import os
import subprocess
import sys
from pathlib import Path

from hami_dra.native import lib
from hami_dra.sim import create_machine, simulated_gpus

ROOT = Path(__file__).parents[2]
MIB = 2**20


def test_the_report_says_that_the_limit_holds(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "machine", simulated_gpus(1, memory_bytes=16 * 2**30))
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu", f"--library={lib('libvgpu.so')}", "--limit-mib=1000", f"--out={report}"],
        cwd=ROOT,
        env=os.environ | {"LD_LIBRARY_PATH": str(machine.library_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(report.read_text())
    assert results["view"] == {"free": 1000 * MIB, "total": 1000 * MIB, "largest": 1000 * MIB, "missed_by": 0}
    assert results["processes"]["held"] == 992 * MIB  # whole chunks of 16 MiB
    assert results["limit_holds"]
