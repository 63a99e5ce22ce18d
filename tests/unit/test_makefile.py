"""What the Makefile's targets run."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", ["test", "e2e", "glibc", "test-sanitized"])
def test_a_file_in_args_is_all_that_is_tested(target: str) -> None:
    this = Path(__file__).relative_to(REPOSITORY)
    for command in _pytest_commands(target, f"{this} --collect-only --quiet -n 0"):
        said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
        tests = [line for line in said.splitlines() if "::" in line]
        assert tests
        assert all(line.startswith(f"{this}::") for line in tests)


def _pytest_commands(target: str, arguments: str) -> list[list[str]]:
    """The command lines of a target that run pytest, as `make` would have the shell run them."""
    binaries = Path(sys.executable).parent
    make = ["make", "--dry-run", target, f"BIN={binaries}", f"ARGS={arguments}"]
    said = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    commands = [line[line.index(str(binaries)) :] for line in said.splitlines() if f"{binaries}/pytest " in line]
    assert commands
    return [shlex.split(command) for command in commands]
