"""libvgpu.so on a real GPU: are limits exact, what do they cost; `python3 -m bench.gpu --out report.json`.

Needs no network and nothing but Python and NVIDIA's driver. What needs a C compiler or PyTorch that are not there, what
fails, and what there is no time left for, the report names; it has all else, and lies in its file after each step.
"""

import argparse
import ctypes
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.gpu import build
from bench.gpu.compute import Compute
from bench.gpu.facts import FACTS
from bench.gpu.report import Report
from bench.gpu.running import PATIENCE_S, answer

MIB = 2**20
_VIEWS = ("view", "torch_view")
_TIMED = ("train", "graph")
_ROUNDS = 5
_ROUNDS_S = 90.0
"""After which no other round of what is timed is begun."""
_TORCH_PATIENCE_S = 120.0
_PROCESSES = 4
_SETTINGS = {
    "as it is": "",
    "segments that expand": "expandable_segments:True",
    "memory in stream order": "backend:cudaMallocAsync",
}
"""What PyTorch's allocator can be told, for programs that are to run as they do without libvgpu.so."""


def main() -> int:
    """Run everything, print and write the report; the exit status says whether the limit held."""
    options = _options()
    if missing := _missing():
        raise SystemExit(f"bench.gpu needs NVIDIA's driver: {missing}")
    report = Report(options.out, 60 * options.minutes)
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as folder:
        _run_all(report, options, Path(folder))
    report.write()
    print(report.text)
    return 0 if report.results.get("limit_holds") else 1


def _run_all(report: Report, options: argparse.Namespace, folder: Path) -> None:
    """What can be told soonest comes first."""
    limit = options.limit_mib * MIB
    facts = report.results["facts"] = {}
    report.run("machine", _machine)
    for name in FACTS:
        report.run(name, partial(_fact, name), into=facts)
    made = report.run("library", lambda: str(options.library or build.any_library(folder)))
    if made is None:
        return
    library = Path(made).resolve()
    report.results["limit"] = limit
    bench = Bench(library, limit, folder)
    bench.run(report)
    gpu = report.run("gpu", lambda: bench.once("uuid", limited=False)["uuid"])
    load = report.run("load", lambda: str(build.load(folder)))
    if gpu and load:
        compute = report.results["compute"] = {}
        for name, step in Compute(Path(load), library, gpu, folder, options.seconds).steps().items():
            report.run(name, step, into=compute)
    bench.run_torch(report)


class Bench:
    """Runs each program natively and held to a limit of `limit` bytes by `library`."""

    def __init__(self, library: Path, limit: int, folder: Path) -> None:
        self.limit = limit
        self._limited = {
            "LD_PRELOAD": str(library),
            "CUDA_DEVICE_MEMORY_LIMIT": f"{limit // MIB}m",
            "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(folder / "cache"),
        }

    def run(self, report: Report) -> None:
        """What needs nothing but the driver."""
        report.run("view", lambda: self.once("view"))
        report.run("processes", self._together)
        self._judge(report)

    def run_torch(self, report: Report) -> None:
        """What needs PyTorch."""
        if importlib.util.find_spec("torch") is None:
            for name in ("torch_view", "torch_runs", *_TIMED):
                report.leave_out(name, "no PyTorch here")
            return
        report.run("torch_view", lambda: self.once("torch_view", patience_s=_TORCH_PATIENCE_S))
        self._judge(report)
        runs = report.results["torch_runs"] = {}
        for name, setting in _SETTINGS.items():
            report.run(name, partial(self._torch_runs, setting), into=runs)
        for name in _TIMED:
            report.run(name, partial(self._compared, name, report.left_s))

    def _judge(self, report: Report) -> None:
        """Whether the limit held, by all that has been seen of it; nothing is said where that is not all of it."""
        views = [report.results[name] for name in _VIEWS if name in report.results]
        if "view" in report.results and "processes" in report.results:
            held = report.results["processes"]["held"] <= self.limit
            report.results["limit_holds"] = held and all(map(self._is_exact, views))

    def _is_exact(self, seen: Mapping[str, Any]) -> bool:
        # PyTorch asks the driver for whole 2 MiB.
        return bool(seen["total"] == self.limit and seen["largest"] <= self.limit and seen["missed_by"] <= 2 * MIB)

    def once(
        self,
        program: str,
        *,
        limited: bool = True,
        patience_s: float = PATIENCE_S,
        variables: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """What a program finds out by itself. Raises ProgramError."""
        with self._start(program, limited=limited, variables=variables) as running:
            try:
                return answer(running, patience_s)
            finally:
                running.kill()

    def _torch_runs(self, setting: str) -> dict[str, Any]:
        """A program with PyTorch through libvgpu.so, which is to end well, with memory and time limited."""
        variables = {"CUDA_DEVICE_SM_LIMIT": "60"} | ({"PYTORCH_CUDA_ALLOC_CONF": setting} if setting else {})
        with self._start("everyday", limited=True, variables=variables) as running:
            return _to_the_end(running, _TORCH_PATIENCE_S)

    def _compared(self, program: str, left_s: float) -> dict[str, Any]:
        """Medians of rounds in turn, so that whatever else the machine does hits both alike."""
        end = time.monotonic() + min(left_s, _ROUNDS_S)
        rounds: list[tuple[dict[str, Any], dict[str, Any]]] = []
        while len(rounds) < _ROUNDS and (not rounds or time.monotonic() < end):
            native = self.once(program, limited=False, patience_s=_TORCH_PATIENCE_S)
            rounds.append((native, self.once(program, patience_s=_TORCH_PATIENCE_S)))
        return {
            "rounds": len(rounds),
            "native_s": median(native["step_s"] for native, _ in rounds),
            "ours_s": median(ours["step_s"] for _, ours in rounds),
            "ratio": median(ours["step_s"] / native["step_s"] for native, ours in rounds),
        }

    def _together(self) -> dict[str, Any]:
        """Several processes that fill one share at once: what they hold together."""
        running = [self._start("fill", limited=True) for _ in range(_PROCESSES)]
        try:
            seen = [answer(process) for process in running]
        finally:
            for process in running:
                process.kill()
                process.communicate()
        return {"processes": _PROCESSES, "held": sum(each["held"] for each in seen), "each": seen}

    def _start(
        self, program: str, *, limited: bool, variables: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "bench.gpu.programs", program],
            cwd=build.REPOSITORY,
            env=os.environ | (self._limited if limited else {}) | dict(variables or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _fact(name: str) -> Any:
    """One of bench.gpu.facts, or how the process ended that looked."""
    command = [sys.executable, "-m", "bench.gpu.facts", name]
    running = subprocess.Popen(command, cwd=build.REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with running:
        return _to_the_end(running, PATIENCE_S)


def _to_the_end(running: "subprocess.Popen[str]", patience_s: float) -> dict[str, Any]:
    """What a program answers, and how it ends after that."""
    try:
        return answer(running, patience_s) | {"exit_code": running.wait(patience_s)}
    finally:
        running.kill()


def _missing() -> str:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        return str(error)
    return ""


def _machine() -> dict[str, str]:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        gpus = subprocess.run(query, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        gpus = f"not told: {error}"
    return {"gpus": gpus, "kernel": platform.release(), "python": platform.python_version()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.gpu", description=__doc__)
    parser.add_argument("--library", type=Path, help="a libvgpu.so that is built already")
    parser.add_argument("--limit-mib", type=int, default=8192, help="the limit, in MiB (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long each share of time is looked at (%(default)s)"
    )
    parser.add_argument("--minutes", type=float, default=8, help="after which nothing more is begun (%(default)s)")
    parser.add_argument("--out", type=Path, help="where the report is written as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
