"""A build with a sanitizer: everything in it is checked, and a mistake does not go unnoticed."""

from pathlib import Path

import pytest

from hami_dra.native import lib
from tests.native.sanitizers import Sanitizer
from tests.unit.vgpu.container import Container

BUILT = ["libvgpu.so", "sim/libcuda.so", "sim/libnvidia-ml.so", "sim/nvidia-smi", "sim/hami-sim"]
MISTAKES = {
    "address": {
        "beyond": "heap-buffer-overflow",
        "undefined": "ILL on unknown address",
        "leak": "detected memory leaks",
    },
    "thread": {"race": "data race"},
}


@pytest.fixture(autouse=True)
def build(sanitizer: Sanitizer | None) -> Sanitizer:
    if sanitizer is None:
        pytest.skip("this build has no sanitizer")
    return sanitizer


@pytest.mark.parametrize("name", BUILT)
def test_all_that_is_tested_has_the_sanitizer(container: Container, build: Sanitizer, name: str) -> None:
    needed = container.run(container.programs / "elf", lib(name)).stdout
    assert f"needs {build.runtime}" in needed


def test_every_kind_of_mistake_is_reported(container: Container, build: Sanitizer, sanitizer_reports: Path) -> None:
    for mistake, told in MISTAKES[build.name].items():
        done = container.run(container.programs / "mistakes", mistake)
        assert done.returncode != 0
        (report,) = sanitizer_reports.iterdir()
        assert told in report.read_text()
        report.unlink()
