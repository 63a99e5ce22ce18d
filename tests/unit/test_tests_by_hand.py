"""What is wrong on the command line of the programs beside the tests is said in a line."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tests.native.fuzz", "soon"], "argument seconds: 'soon' is not a number of seconds from 1 on"),
        (["tests.native.fuzz", "0"], "argument seconds: '0' is not a number of seconds from 1 on"),
        (["tests.native.fuzz", "1", "regin"], "argument TARGET: 'regin' is none of bytes, gpu, "),
        (["tests.e2e.cluster", "--home", "{home}", "exec", "true"], "tests.e2e.cluster: the cluster is down"),
        (["tests.e2e.cluster", "--home", "{home}", "restart", "kubelet"], "tests.e2e.cluster: the cluster is down"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    command = [sys.executable, "-m", *(each.format(home=tmp_path / "home") for each in arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
