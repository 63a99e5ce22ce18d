"""What hami-dra-oci-hook adds to the start of a container: it is run as a runtime does, on the simulated driver."""

import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from hami_dra.native import lib
from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.cgroups import NoCgroupError, inside, new_cgroup

_GPUS = 8
_OTHERS = 64
_WARM_UP = 5
_DRIVER = SimulatedDriver(version="615.71.09", cuda_version="13.4")
_ID = "bench"
_TRUE, _LIBRARY = "/bin/true", "note the container"
_LIMIT, _CROWDED = "note and limit it", f"the same beside {_OTHERS} shares"
ROWS = (_TRUE, _LIBRARY, _LIMIT, _CROWDED)

Commands = dict[str, list[str]]


def main(rounds: Annotated[int, typer.Option(min=2, help="How often each is run, in turn.")] = 200) -> None:
    """Time the hook from its start to its end, beside a program that does nothing."""
    try:
        with _container() as (commands, state):
            samples = _measure(commands, state, rounds)
    except NoCgroupError as error:
        raise SystemExit(str(error)) from error
    Console().print(_table(samples))


@contextmanager
def _container() -> Iterator[tuple[Commands, bytes]]:
    """What is timed, and the state of a container that waits in a cgroup of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        machine = create_machine(folder / "machine", simulated_gpus(_GPUS), _DRIVER)
        group = stack.enter_context(new_cgroup())
        process = stack.enter_context(subprocess.Popen([*inside(group), "sleep", "infinity"]))
        stack.callback(process.kill)
        while str(process.pid) not in (group / "cgroup.procs").read_text().split():
            pass
        alone, crowded = _share(folder / "alone/0", machine), _share(folder / "crowded/0", machine)
        for number in range(1, _OTHERS + 1):
            (_share(folder / f"crowded/{number}", machine) / f"containers/{number}").touch()
        yield (
            {
                _TRUE: ["/bin/true"],
                _LIBRARY: _command(machine, alone, "library"),
                _LIMIT: _command(machine, alone, "driver"),
                _CROWDED: _command(machine, crowded, "driver"),
            },
            json.dumps({"ociVersion": "1.2.0", "id": _ID, "status": "creating", "pid": process.pid}).encode(),
        )


def _share(folder: Path, machine: Machine) -> Path:
    (folder / "containers").mkdir(parents=True)
    (folder / "limits").write_text(f"version 1\ngpu {machine.gpus[0].uuid}\nmemory {2**30}\ncores 30\npolicy hard\n")
    return folder


def _command(machine: Machine, share: Path, enforce: str) -> list[str]:
    nvml = machine.library_dir / "libnvidia-ml.so.1"
    hook = lib("hami-dra-oci-hook")
    return [str(hook), "--share", str(share), "--nvml", str(nvml), "--enforce", enforce]


def _measure(commands: Commands, state: bytes, rounds: int) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = defaultdict(list)
    for number in range(-_WARM_UP, rounds):
        for row, command in commands.items():
            began = perf_counter_ns()
            subprocess.run(command, input=state, check=True)
            if number >= 0:
                samples[row].append(perf_counter_ns() - began)
    return samples


def _table(samples: dict[str, list[float]]) -> Table:
    table = Table(title="Start to end")
    for column in ("", "median", "99 of 100 under", "added"):
        table.add_column(column, justify="right" if column else "left")
    base = median(samples[_TRUE])
    for row in ROWS:
        slow = quantiles(samples[row], n=100, method="inclusive")[-1]
        middle = median(samples[row])
        table.add_row(row, _milliseconds(middle), _milliseconds(slow), _milliseconds(middle - base))
    return table


def _milliseconds(ns: float) -> str:
    return f"{ns / 1e6:.2f} ms"


if __name__ == "__main__":
    typer.run(main)
