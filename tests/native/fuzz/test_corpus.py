"""What fuzzing has found stays mended: the kept corpus, and the same few mutations of it each time."""

import fcntl
from pathlib import Path

import pytest

from tests.native.fuzz.targets import TARGETS, build, run
from tests.native.sanitizers import Sanitizer

MUTATIONS = 2000
DEADLINE_S = 60  # far above what they take


@pytest.fixture(scope="session")
def programs(sanitizer: Sanitizer | None) -> Path:
    if sanitizer is None or sanitizer.name != "address":
        pytest.skip("fuzz targets are built with AddressSanitizer only")
    sanitizer.folder.mkdir(parents=True, exist_ok=True)
    with (sanitizer.folder / ".fuzz-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build()


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_and_mutations_do_no_harm(programs: Path, tmp_path: Path, target: str) -> None:
    done = run(programs / target, tmp_path, {}, runs=MUTATIONS, seconds=DEADLINE_S, seed=1)
    assert done.returncode == 0, f"the input is {tmp_path}/current\n{done.stderr}"
    assert int(done.stdout.split()[0]) > MUTATIONS
