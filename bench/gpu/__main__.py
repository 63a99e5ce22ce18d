"""libvgpu.so on a real GPU: are limits exact, what do they cost; `python3 -m bench.gpu --out report.json`.

Needs no network and nothing but Python, a C compiler, NVIDIA's driver and, for what trains, PyTorch.
"""

import argparse
import ctypes
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from bench.gpu import build
from bench.gpu.compute import Compute

MIB = 2**20
_NEEDS_TORCH = ("torch_view", "train", "graph")
_TIMED = ("train", "graph")
_ROUNDS = 5
_PROCESSES = 4


def main() -> int:
    """Run everything, print and write the report; the exit status says whether the limit held."""
    options = _options()
    if missing := list(_missing()):
        raise SystemExit(f"bench.gpu needs {' and '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder:
        library = (options.library or build.library(Path(folder))).resolve()
        bench = Bench(library, options.limit_mib * MIB, Path(folder))
        gpu = bench.once("uuid", limited=False)["uuid"]
        compute = Compute(build.load(Path(folder)), library, gpu, Path(folder), options.seconds)
        report = {
            "machine": _machine(),
            "library": library.name,
            "limit": bench.limit,
            **bench.run(),
            "compute": compute.run(),
        }
    text = json.dumps(report, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    return 0 if report["limit_holds"] else 1


class Bench:
    """Runs each program natively and held to a limit of `limit` bytes by `library`."""

    def __init__(self, library: Path, limit: int, folder: Path) -> None:
        self.limit = limit
        self._limited = {
            "LD_PRELOAD": str(library),
            "CUDA_DEVICE_MEMORY_LIMIT": f"{limit // MIB}m",
            "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(folder / "cache"),
        }

    def run(self) -> dict[str, Any]:
        """The results, by program."""
        torch = importlib.util.find_spec("torch") is not None
        views = {name: self.once(name) for name in ("view", "torch_view") if torch or name not in _NEEDS_TORCH}
        together = self._together()
        return {
            **views,
            "processes": together,
            **({name: self._compared(name) for name in _TIMED} if torch else {}),
            "left_out": [] if torch else [f"{name}: no PyTorch here" for name in _NEEDS_TORCH],
            "limit_holds": together["held"] <= self.limit and all(self._is_exact(seen) for seen in views.values()),
        }

    def _is_exact(self, seen: dict[str, Any]) -> bool:
        # PyTorch asks the driver for whole 2 MiB.
        return bool(seen["total"] == self.limit and seen["largest"] <= self.limit and seen["missed_by"] <= 2 * MIB)

    def once(self, program: str, *, limited: bool = True) -> dict[str, Any]:
        """What a program finds out by itself."""
        with self._start(program, limited=limited) as running:
            return _answer(running)

    def _compared(self, program: str) -> dict[str, Any]:
        """Medians of rounds in turn, so that whatever else the machine does hits both alike."""
        rounds = [(self.once(program, limited=False), self.once(program)) for _ in range(_ROUNDS)]
        return {
            "native_s": median(native["step_s"] for native, _ in rounds),
            "ours_s": median(ours["step_s"] for _, ours in rounds),
            "ratio": median(ours["step_s"] / native["step_s"] for native, ours in rounds),
        }

    def _together(self) -> dict[str, Any]:
        """Several processes that fill one share at once: what they hold together."""
        running = [self._start("fill", limited=True) for _ in range(_PROCESSES)]
        seen = [_answer(process) for process in running]
        for process in running:
            process.communicate()
        return {"processes": _PROCESSES, "held": sum(each["held"] for each in seen), "each": seen}

    def _start(self, program: str, *, limited: bool) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "bench.gpu.programs", program],
            cwd=build.REPOSITORY,
            env=os.environ | (self._limited if limited else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _answer(running: "subprocess.Popen[str]") -> dict[str, Any]:
    line = running.stdout.readline() if running.stdout else ""
    if not line:
        raise SystemExit(f"{running.args!r} ended with {running.wait()} and no result")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _missing() -> Iterator[str]:
    if shutil.which(build.compiler()[0]) is None:
        yield f"a C compiler: there is no {build.compiler()[0]} (CC=... names another)"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        yield f"NVIDIA's driver: {error}"


def _machine() -> dict[str, str]:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        gpus = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        gpus = f"not told: {error}"
    return {"gpus": gpus, "kernel": platform.release(), "python": platform.python_version()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.gpu", description=__doc__)
    parser.add_argument("--library", type=Path, help="a libvgpu.so that is built already")
    parser.add_argument("--limit-mib", type=int, default=8192, help="the limit, in MiB (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long each share of time is looked at (%(default)s)"
    )
    parser.add_argument("--out", type=Path, help="where to write the report as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
