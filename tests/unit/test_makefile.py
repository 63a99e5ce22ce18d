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


@pytest.mark.parametrize("name", ["with space", "with:colon"])
def test_a_folder_that_neither_make_nor_the_loader_can_name_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    make = ["make", "--dry-run", "build", "-f", str(REPOSITORY / "Makefile")]
    done = subprocess.run(make, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"There is a space or a colon in the path of this folder, {folder}: move it to another." in done.stderr


def test_the_virtual_environment_may_lie_anywhere(tmp_path: Path) -> None:
    make = ["make", "--dry-run", "build", f"VENV={tmp_path}"]
    said = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert f" PYTHON={tmp_path}/bin/python" in said


@pytest.mark.parametrize(("folder", "begins_anew"), [("/another/clone", True), (str(REPOSITORY), False)])
def test_a_virtual_environment_of_another_folder_is_made_anew(tmp_path: Path, folder: str, begins_anew: bool) -> None:
    (tmp_path / ".installed").write_text(f"{folder}\n")
    make = ["make", "--dry-run", "build", f"VENV={tmp_path}"]
    said = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert (f"-m venv --clear {tmp_path}" in said) == begins_anew


def test_a_virtual_environment_whose_making_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    without_pip = tmp_path / "bin/python"
    without_pip.parent.mkdir()
    without_pip.write_text("#!/bin/sh\nexit 1\n")
    without_pip.chmod(0o755)
    make = ["make", f"VENV={tmp_path}", "PYTHON=echo", f"{tmp_path}/.installed"]
    said = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    assert f"-m venv --clear {tmp_path}\n" in said


def _pytest_commands(target: str, arguments: str) -> list[list[str]]:
    """The command lines of a target that run pytest, as `make` would have the shell run them."""
    binaries = Path(sys.executable).parent
    make = ["make", "--dry-run", target, f"BIN={binaries}", f"ARGS={arguments}"]
    said = subprocess.run(make, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    commands = [line[line.index(str(binaries)) :] for line in said.splitlines() if f"{binaries}/pytest " in line]
    assert commands
    return [shlex.split(command) for command in commands]
