"""`hami-sim watch`: how long processes have had a GPU, seen while they run."""

import json
import subprocess
from pathlib import Path

from hami_dra.native import lib
from hami_dra.sim import create_machine, simulated_gpus
from tests.native.sim.client import running
from tests.native.sim.kernels import KERNELS

MS = 1_000_000
BUSY = KERNELS + "start(); load()\nfor _ in range(1000): busy(10_000_000)"


def test_each_line_tells_the_same_instant_for_all_that_is_in_it(tmp_path: Path) -> None:
    """A process that has work all the time has had a GPU for as long as its clock went on."""
    machine = create_machine(tmp_path / "root", simulated_gpus(2))
    watching = [str(lib("sim/hami-sim")), "watch", str(machine.state), "5"]
    with running(machine, BUSY) as process, subprocess.Popen(watching, stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        lines = [json.loads(watch.stdout.readline()) for _ in range(20)]
        watch.kill()
    assert [[gpu["uuid"] for gpu in line["gpus"]] for line in lines] == [[gpu.uuid for gpu in machine.gpus]] * 20
    first, last = lines[0]["gpus"][0], lines[-1]["gpus"][0]
    assert [time["pid"] for time in last["times"]] == [process.pid]
    passed = last["now_ns"] - first["now_ns"]
    assert last["times"][0]["served_ns"] - first["times"][0]["served_ns"] == passed
    assert lines[-1]["gpus"][1]["times"] == []


def test_it_ends_when_nobody_reads(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "root", simulated_gpus(1))
    with subprocess.Popen([lib("sim/hami-sim"), "watch", machine.state, "1"], stdout=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        watch.stdout.readline()
        watch.stdout.close()
        assert watch.wait(30) != 0
