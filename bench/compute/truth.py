"""The truth that limiters are judged by: how long each process had the simulated GPU, sampled while it runs."""

import subprocess
from collections.abc import Collection
from threading import Thread
from types import TracebackType
from typing import Self

import msgspec

from bench.compute.windows import Curve, Sample
from hami_dra.native import lib
from hami_dra.sim import Machine, MachineError, ProcessTime


class _Gpu(msgspec.Struct):
    now_ns: int
    times: list[ProcessTime]


class _Line(msgspec.Struct):
    gpus: list[_Gpu]


class Truth:
    """Samples of a machine's first GPU, taken as long as the `with` block lasts; afterwards they can be read."""

    def __init__(self, machine: Machine, every_ms: int) -> None:
        self._command = [str(lib("sim/hami-sim")), "watch", str(machine.state), str(every_ms)]
        self._lines: list[bytes] = []
        self._samples: list[_Gpu] = []

    def __enter__(self) -> Self:
        # Through a pipe, so that it ends with us.
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._reader = Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sampling. Raises MachineError if it had ended by itself."""
        with self._process as process:
            ended = process.poll()
            process.kill()
            self._reader.join()
            assert process.stderr is not None
            complaint = process.stderr.read()
        if ended is not None and kind is None:
            raise MachineError(complaint.decode(errors="replace").strip())
        self._samples = [msgspec.json.decode(line, type=_Line).gpus[0] for line in self._lines]

    def _read(self) -> None:
        """Keep all lines but one that was cut short."""
        assert self._process.stdout is not None
        self._lines += (line for line in self._process.stdout if line.endswith(b"\n"))

    def curve(self, pids: Collection[int]) -> Curve:
        """How much of the GPU's time processes had had together, at every sample."""
        return [
            Sample(gpu.now_ns, sum(time.served_ns for time in gpu.times if time.pid in pids)) for gpu in self._samples
        ]
