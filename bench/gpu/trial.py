"""What bench.gpu.wall tries in a cgroup that the driver limits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench.gpu.build import REPOSITORY
from bench.gpu.limits import NO_LIMIT, LimitsError, Nvml
from bench.gpu.report import Report
from bench.gpu.running import PATIENCE_S, answer

MIB = 2**20
_WAYS = ("plain", "by-hand", "dlmopen", "own_loader")
_STARTS = 20
_ROUNDING = 2 * MIB  # of the largest allocation that is tried


@dataclass(frozen=True)
class Group:
    """The cgroup that stands for a container's."""

    path: Path

    @property
    def backend(self) -> str:
        """Which of the driver's two holds the limit: NVIDIA's documentation says how to tell."""
        return "dmem" if (self.path / "dmem.max").exists() else "misc"

    def inside(self, *command: str | Path) -> list[str | Path]:
        """The command, run in the cgroup."""
        return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self.path, *command]

    def remove(self) -> None:
        """Remove it once the kernel has let go of its processes."""
        while (members := self.path / "cgroup.procs").exists() and self.path.is_dir():
            for pid in members.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            try:
                self.path.rmdir()
            except OSError:
                time.sleep(0.01)


@dataclass(frozen=True)
class Trial:
    """One limit on one GPU."""

    nvml: Nvml
    gpu: int
    limit: int
    group: Group
    folder: Path
    hook: Path
    library: Path
    take: Path
    own_loader: Path

    def run(self, report: Report) -> None:
        """The results; `holds` is whether all do that must, `seen` is what is not known of the driver."""
        checks = report.results["checks"] = {}
        seen = report.results["seen"] = {}
        report.run("no limit", lambda: self._outcome(self._limits), into=seen)
        hook = report.run("hook", self._start_container, into=checks)
        if hook and hook["holds"]:
            for way in _WAYS:
                report.run(f"take {way}", partial(self._take, way), into=checks)
            report.run("view", self._view, into=checks)
            report.run("view through libvgpu.so", self._view_through_library, into=checks)
        report.run("with memory in use", self._try_with_memory_in_use, into=seen)
        report.run("half a limit and a byte", lambda: self._outcome(lambda: self._set(self.limit // 2 + 1)), into=seen)
        report.run("cleared", lambda: self._outcome(lambda: self._set(NO_LIMIT)), into=seen)
        report.results["holds"] = not report.failed and all(check["holds"] for check in checks.values())

    def _start_container(self) -> dict[str, Any]:
        """Run the hook as a runtime does, for a process that waits in the cgroup."""
        share = self.folder / "shares/one"
        (share / "containers").mkdir(parents=True)
        uuid = self.nvml.uuid(self.nvml.device(self.gpu))
        limits = f"version 1\ngpu {uuid}\nmemory {self.limit}\ncores 100\npolicy hard\n"
        (share / "limits").write_text(limits)
        command = [str(self.hook), "--share", str(share), "--nvml", str(self.nvml.path), "--enforce", "driver"]
        seconds = []
        with self._container() as pid:
            state = json.dumps({"ociVersion": "1.2.0", "id": "wall", "status": "creating", "pid": pid})
            for _ in range(_STARTS):
                began = time.perf_counter()
                done = subprocess.run(command, input=state, capture_output=True, text=True, timeout=PATIENCE_S)
                seconds.append(time.perf_counter() - began)
        told = self._outcome(lambda: self._limits())
        holds = done.returncode == 0 and told == {"soft": 0, "hard": self.limit, "used": 0}
        return {"holds": holds, "says": done.stderr, "read_back": told, "median_ms": 1000 * median(seconds)}

    @contextmanager
    def _container(self) -> Iterator[int]:
        """The PID of a process that waits in the cgroup."""
        with subprocess.Popen(self.group.inside("sleep", "infinity")) as process:
            try:
                while str(process.pid) not in (self.group.path / "cgroup.procs").read_text().split():
                    time.sleep(0.001)
                yield process.pid
            finally:
                process.kill()

    def _take(self, way: str) -> dict[str, Any]:
        """Take all that there is, in one way or another, with libvgpu.so preloaded."""
        program = str(self.take)
        command = [str(self.own_loader), program, "plain"] if way == "own_loader" else [program, way]
        done = self._run(*command, "libcuda.so.1", **self._limited())
        if done.returncode != 0:
            return {"holds": False, "says": done.stderr}
        _, taken, total = done.stdout.split()
        holds = int(taken) <= self.limit and int(total) == self.limit
        return {"holds": holds, "taken": int(taken), "short_of_limit": self.limit - int(taken), "total": int(total)}

    def _view(self, **variables: str) -> dict[str, Any]:
        done = self._run(sys.executable, "-m", "bench.gpu.programs", "view", **variables)
        if done.returncode != 0:
            return {"holds": False, "says": done.stderr}
        seen: dict[str, Any] = json.loads(done.stdout)
        holds = seen["total"] == self.limit and seen["largest"] <= seen["free"] + _ROUNDING
        return {"holds": holds, **seen}

    def _view_through_library(self) -> dict[str, Any]:
        return self._view(**self._limited())

    def _try_with_memory_in_use(self) -> dict[str, Any]:
        """What the driver says of it, and to a limit below it."""
        with subprocess.Popen(
            self.group.inside(sys.executable, "-m", "bench.gpu.programs", "fill"),
            cwd=REPOSITORY,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as filling:
            try:
                answer(filling)
                in_use = self._outcome(self._limits)
                below = self._outcome(lambda: self._set(self.limit // 2))
            finally:
                filling.kill()
        return {"in use": in_use, "a limit below that": below}

    def _set(self, hard: int) -> dict[str, int]:
        self.nvml.set_limits(self.nvml.device(self.gpu), self.group.path, hard)
        return self._limits()

    def _limits(self) -> dict[str, int]:
        limits = self.nvml.get_limits(self.nvml.device(self.gpu), self.group.path)
        return {"soft": limits.soft, "hard": limits.hard, "used": limits.used}

    @staticmethod
    def _outcome(call: Any) -> Any:
        try:
            return call()
        except LimitsError as error:
            return str(error)

    def _limited(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "CUDA_DEVICE_MEMORY_LIMIT": f"{self.limit // MIB}m",
            "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(self.folder / "cache"),
        }

    def _environment(self) -> dict[str, str]:
        """One GPU: the others have no limit, and are somebody else's."""
        return os.environ | {"CUDA_VISIBLE_DEVICES": self.nvml.uuid(self.nvml.device(self.gpu))}

    def _run(self, *command: str | Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.group.inside(*command),
            cwd=REPOSITORY,
            env=self._environment() | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
