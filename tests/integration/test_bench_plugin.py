"""`make bench-plugin`, as quickly as it goes: that every row comes out, not what it says."""

import os
import subprocess
import sys
from pathlib import Path

from bench.plugin.__main__ import ROWS

ROOT = Path(__file__).parents[2]


def test_every_row_is_timed_and_memory_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.plugin", "--rounds=2", "--starts=2"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = {cells[1].strip(): cells[2:] for line in done.stdout.splitlines() if len(cells := line.split("│")) > 1}
    assert list(shown) == [row for row, _ in ROWS]
    assert all("ms" in median and "ms" in slowest for median, slowest, *_ in shown.values())
    assert done.stdout.count("MiB, and") == 2
