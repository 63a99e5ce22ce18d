"""What NVML and nvidia-smi tell of the time for which kernels ran."""

import subprocess
import time
from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import run_nvml, running
from tests.native.sim.kernels import KERNELS

# Has an hour to compute, and does not wait for it.
BUSY = KERNELS + "start(); load()\nbusy(3_600_000_000_000)"

# As long as the second of which rates tell, and the tenth that may be missing of it.
WINDOW_S = 1.1

LOOK = """
import time
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
def samples(since=0):
    try:
        return nvmlDeviceGetProcessUtilization(device, since)
    except NVMLError_NotFound:
        return []
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2))


def rates(machine: Machine) -> int:
    return int(run_nvml(machine, LOOK + "show(nvmlDeviceGetUtilizationRates(device).gpu)"))


def test_a_gpu_is_as_busy_as_its_last_second(machine: Machine) -> None:
    assert rates(machine) == 0
    with running(machine, BUSY):
        time.sleep(WINDOW_S)
        assert rates(machine) == 100
        fields = "--query-gpu=index,utilization.gpu"
        done = subprocess.run([machine.smi, fields, "--format=csv"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["index, utilization.gpu [%]", "0, 100 %", "1, 0 %"]
    time.sleep(WINDOW_S)
    assert rates(machine) == 0


def test_processes_are_told_apart(machine: Machine) -> None:
    with running(machine, BUSY) as first, running(machine, BUSY) as second, running(machine, "start()"):
        time.sleep(WINDOW_S)
        seen = run_nvml(
            machine,
            LOOK
            + """
before = time.time_ns() // 1000
found = samples(before - 1_000_000)
after = time.time_ns() // 1000
timely = all(before - 100_000 <= sample.timeStamp <= after for sample in found)
infos = nvmlDeviceGetProcessesUtilizationInfo(device, 0)
later = len(samples(after + 3_600_000_000))
show([[[sample.pid, sample.smUtil] for sample in found], timely, later, sorted(info.pid for info in infos)])
""",
        )
    found, timely, later, infos = seen
    assert timely
    assert later == 0
    assert infos == sorted([first.pid, second.pid])
    assert {pid for pid, _ in found} == {first.pid, second.pid}
    assert all(48 <= rate <= 52 for _, rate in found)
