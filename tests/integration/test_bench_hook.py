"""`make bench-hook`, as quickly as it goes: that every row comes out, not what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.hook.__main__ import ROWS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")


def test_every_row_is_timed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.hook", "--rounds=2"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "cgroup v2" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    shown = {cells[1].strip(): cells[2:] for line in done.stdout.splitlines() if len(cells := line.split("│")) > 1}
    assert list(shown) == list(ROWS)
    assert all(all("ms" in cell for cell in cells[:3]) for cells in shown.values())
