"""Shares of a real GPU's time: what programs had of it, of what they asked for.

A real GPU does not tell who had it for how long. But a kernel is always the same work here, so a program's part of the
GPU is how many of them it got done, to how many it gets done in that time when it is alone.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gpu.share_folder import make_share

_KERNEL_NS = 1_000_000
_AHEAD, _GRAPH = 10, 20  # launches, kernels
_GRAPHS = ("call=3", f"graph={_GRAPH}", "ahead=1")
_WARM_UP = 5
_LEAD_NS = 100_000_000
_MEMORY = 2**30


@dataclass(frozen=True)
class Compute:
    """Runs load.c natively and in shares that `library` holds, for some seconds each, in files below `folder`."""

    load: Path
    library: Path
    gpu_uuid: str
    folder: Path
    seconds: float

    def run(self) -> dict[str, Any]:
        """The results by question; shares are percent."""
        rounds = self._calibrated()
        kernels, graphs = self._rate(rounds, ()), self._rate(rounds, _GRAPHS)
        single = self._shares("single", (30,))
        (alone,), (in_graphs,) = self._together(rounds, single), self._together(rounds, single, _GRAPHS)
        shared = self._together(rounds, self._shares("pair", (30, 70)))
        unlimited = self._together(rounds, [{}, {}])
        return {
            "kernel_us": 1e6 / kernels,
            "alone": {"asked": 30, "had": 100 * alone / kernels},
            "graphs": {"asked": 30, "had": 100 * in_graphs / graphs},
            "pair": {"asked": [30, 70], "had": [100 * rate / kernels for rate in shared]},
            "pair_without_limiter": {"had": [100 * rate / kernels for rate in unlimited]},
        }

    def _calibrated(self) -> int:
        """How many rounds of its loop make the kernel last a millisecond, once clocks have come up to speed."""
        rounds = 100_000
        for _ in range(_WARM_UP):
            with self._start({}, rounds) as program:
                took = _ask(program, "calibrate")["ns"]
            rounds = max(1, round(rounds * _KERNEL_NS / took))
        return rounds

    def _rate(self, rounds: int, options: Sequence[str]) -> float:
        """Launches per second of a program that is alone."""
        return self._together(rounds, [{}], options)[0]

    def _together(
        self, rounds: int, environments: Sequence[Mapping[str, str]], options: Sequence[str] = ()
    ) -> list[float]:
        """Launches per second, in the second half of the time, of programs that begin at once."""
        with ExitStack() as stack:
            programs = [stack.enter_context(self._start(environment, rounds, options)) for environment in environments]
            for program in programs:
                _ask(program, "ready")
            begin = time.monotonic_ns() + _LEAD_NS
            middle, end = (begin + round(1e9 * seconds) for seconds in (self.seconds / 2, self.seconds))
            for program in programs:
                _send(program, f"work {begin} {middle}")
                _send(program, f"work {middle} {end}")
            return [_second_of_two(program) for program in programs]

    @contextmanager
    def _start(
        self, environment: Mapping[str, str], rounds: int, options: Sequence[str] = ()
    ) -> Iterator["subprocess.Popen[str]"]:
        # A simulated GPU takes the cost that it is told, a real one the rounds.
        arguments = [f"cost={_KERNEL_NS}", f"rounds={rounds}", f"ahead={_AHEAD}", *options]
        program = subprocess.Popen(
            [self.load, *arguments],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with program:
            try:
                yield program
            finally:
                program.kill()

    def _shares(self, name: str, cores: Sequence[int]) -> list[Mapping[str, str]]:
        """Environments of programs in shares of so many percent each, which take turns."""
        shares = [make_share(self.folder / name, f"{part}", self.gpu_uuid, _MEMORY, part) for part in cores]
        return [{"LD_PRELOAD": str(self.library), "HAMI_DRA_SHARES": str(share)} for share in shares]


def _second_of_two(program: "subprocess.Popen[str]") -> float:
    """Launches per second of the second of two pieces of work: in the first a GPU and a limiter come to rest."""
    _answer(program)
    work = _answer(program)
    return 1e9 * float(work["launches"]) / float(work["wall_ns"])


def _ask(program: "subprocess.Popen[str]", command: str) -> dict[str, Any]:
    _send(program, command)
    return _answer(program)


def _send(program: "subprocess.Popen[str]", command: str) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{command}\n")
    program.stdin.flush()


def _answer(program: "subprocess.Popen[str]") -> dict[str, Any]:
    assert program.stdout is not None
    line = program.stdout.readline()
    answer: dict[str, Any] = json.loads(line) if line else {"error": f"no answer, exit code {program.wait()}"}
    if "error" in answer:
        raise SystemExit(f"bench/compute/load.c: {answer['error']}")
    return answer
