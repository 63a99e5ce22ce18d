"""Shares of a real GPU's time: what programs had of it, of what they asked for.

A real GPU does not tell who had it for how long. But a kernel is always the same work here, so a program's part of the
GPU is how many of them it got done, to how many it gets done in that time when it is alone.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.gpu.running import PATIENCE_S, answer
from bench.gpu.share_folder import make_share

_KERNEL_NS = 1_000_000
_AHEAD, _GRAPH = 10, 20  # launches, kernels
_GRAPHS = ("call=3", f"graph={_GRAPH}", "ahead=1")
_WARM_UP = 5
_LEAD_NS = 100_000_000
_MEMORY = 2**30


class Compute:
    """Runs load.c natively and in shares that `library` holds, for some seconds each, in files below `folder`."""

    def __init__(self, load: Path, library: Path, gpu_uuid: str, folder: Path, seconds: float) -> None:
        self.load = load
        self.library = library
        self.gpu_uuid = gpu_uuid
        self.folder = folder
        self.seconds = seconds

    def steps(self) -> dict[str, Callable[[], Any]]:
        """The results by question, each found out when it is called for; shares are percent."""
        return {
            "kernel_us": lambda: 1e6 / self._kernels,
            "alone": lambda: {"asked": 30, "had": 100 * self._together(self._single)[0] / self._kernels},
            "pair": lambda: {"asked": [30, 70], "had": self._parts(self._shares("pair", (30, 70)))},
            "pair_without_limiter": lambda: {"had": self._parts([{}, {}])},
            "graphs": self._graphs,
        }

    @cached_property
    def _single(self) -> Sequence[Mapping[str, str]]:
        return self._shares("single", (30,))

    @cached_property
    def _kernels(self) -> float:
        """How many kernels a second a program gets done that is alone."""
        return self._together([{}])[0]

    def _parts(self, environments: Sequence[Mapping[str, str]]) -> list[float]:
        return [100 * rate / self._kernels for rate in self._together(environments)]

    def _graphs(self) -> dict[str, Any]:
        alone, held = (self._together(environments, _GRAPHS)[0] for environments in ([{}], self._single))
        return {"asked": 30, "had": 100 * held / alone}

    @cached_property
    def _rounds(self) -> int:
        """How many rounds of its loop make the kernel last a millisecond, once clocks have come up to speed."""
        rounds = 100_000
        for _ in range(_WARM_UP):
            with self._start({}, rounds) as program:
                took = _ask(program, "calibrate")["ns"]
            rounds = max(1, round(rounds * _KERNEL_NS / took))
        return rounds

    def _together(self, environments: Sequence[Mapping[str, str]], options: Sequence[str] = ()) -> list[float]:
        """Launches per second, in the second half of the time, of programs that begin at once."""
        rounds = self._rounds
        with ExitStack() as stack:
            programs = [stack.enter_context(self._start(environment, rounds, options)) for environment in environments]
            for program in programs:
                _ask(program, "ready")
            begin = time.monotonic_ns() + _LEAD_NS
            middle, end = (begin + round(1e9 * seconds) for seconds in (self.seconds / 2, self.seconds))
            for program in programs:
                _send(program, f"work {begin} {middle}")
                _send(program, f"work {middle} {end}")
            return [_second_of_two(program, PATIENCE_S + self.seconds) for program in programs]

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


def _second_of_two(program: "subprocess.Popen[str]", patience_s: float) -> float:
    """Launches per second of the second of two pieces of work: in the first a GPU and a limiter come to rest."""
    answer(program, patience_s)
    work = answer(program, patience_s)
    return 1e9 * float(work["launches"]) / float(work["wall_ns"])


def _ask(program: "subprocess.Popen[str]", command: str) -> dict[str, Any]:
    _send(program, command)
    return answer(program)


def _send(program: "subprocess.Popen[str]", command: str) -> None:
    assert program.stdin is not None
    program.stdin.write(f"{command}\n")
    program.stdin.flush()
