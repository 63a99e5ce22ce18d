"""NVIDIA's own libcudart from PyPI, dynamic and static: what of the driver it takes hold of, and how far it starts."""

import importlib.metadata
import platform
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.vgpu.container import Container, preload
from tests.unit.vgpu.programs import SOURCES

OURS, DRIVERS = "libvgpu.so", "libcuda.so.1"
GRANTED = 2**30
SYMBOL_NOT_FOUND = 500


@dataclass(frozen=True)
class Runtime:
    distribution: str
    folder: str
    soname: str
    version: int

    @property
    def lib(self) -> Path:
        distribution = importlib.metadata.distribution(self.distribution)
        return Path(str(distribution.locate_file(f"nvidia/{self.folder}/lib")))


RUNTIMES = [
    pytest.param(Runtime("nvidia-cuda-runtime-cu12", "cuda_runtime", "libcudart.so.12", 12090), id="12.9"),
    pytest.param(Runtime("nvidia-cuda-runtime", "cu13", "libcudart.so.13", 13050), id="13.5"),
]


def _link_statically(runtime: Runtime, program: Path) -> Path:
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", f"{platform.machine()}-linux-gnu.2.17"]
    source: list[str | Path] = ["-D_GNU_SOURCE", "-Wl,-u,cudaGetDeviceCount", SOURCES / "cudart.c"]
    libraries: list[str | Path] = [runtime.lib / "libcudart_static.a", "-ldl", "-lpthread", "-lrt"]
    subprocess.run([*compiler, *source, *libraries, "-o", program], check=True)
    return program


def _held(container: Container, command: list[Path], **environment: str) -> dict[str, set[str]]:
    """The names of the functions that libcudart holds, by the library whose they are."""
    done = container.run(*command, **environment)
    assert done.returncode == 0, done.stderr
    held: dict[str, set[str]] = defaultdict(set)
    for line in done.stdout.splitlines():
        library, function = line.split()
        held[library].add(function)
    return held


@pytest.mark.parametrize("linked", ["dynamically", "statically"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_libcudart_holds_ours_in_place_of_every_hooked_function(
    container: Container, runtime: Runtime, linked: str, tmp_path: Path
) -> None:
    container.grant(0, GRANTED)
    if linked == "statically":
        command = [_link_statically(runtime, tmp_path / "program")]
    else:
        command = [container.programs / "cudart", runtime.lib / runtime.soname]
    table = container.run(container.programs / "table").stdout.splitlines()
    hooked = {line.split()[2] for line in table}
    with_us, without_us = _held(container, command), _held(container, command, LD_PRELOAD=preload())
    assert {"cuMemAlloc_v2", "cuMemAllocAsync_ptsz", "cuGetProcAddress_v2"} <= without_us[DRIVERS] & hooked
    assert with_us[OURS] == without_us[DRIVERS] & hooked
    assert with_us[DRIVERS] == without_us[DRIVERS] - hooked


START = """
import ctypes, json, sys

runtime, number = ctypes.CDLL(sys.argv[1]), ctypes.c_int(-1)
answers = []
for function in "cudaRuntimeGetVersion", "cudaDriverGetVersion", "cudaGetDeviceCount":
    answers.append([getattr(runtime, function)(ctypes.byref(number)), number.value])
print(json.dumps(answers))
"""


@pytest.mark.parametrize("without_us", [False, True], ids=["with us", "without us"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_libcudart_starts_as_far_as_docs_simulator_says(
    container: Container, runtime: Runtime, without_us: bool
) -> None:
    environment = {"LD_PRELOAD": preload()} if without_us else {}
    done = container.run(sys.executable, "-c", START, runtime.lib / runtime.soname, **environment)
    started, number_left_alone = [[0, runtime.version], [0, 13000]], 13000
    assert done.stdout.strip() == str([*started, [SYMBOL_NOT_FOUND, number_left_alone]])
