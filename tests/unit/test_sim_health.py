"""Faults that are injected into a simulated machine while NVML's clients run, seen through nvidia-ml-py."""

from pathlib import Path
from typing import Any

import pytest

from hami_dra.native import lib
from hami_dra.sim import MODELS, Machine, MachineError, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.client import run_nvml

MODEL = MODELS["NVIDIA A100-SXM4-40GB"]

# Lets things happen to the first GPU between the program's calls of NVML.
PRELUDE = """
import os, subprocess

def fault(*faults):
    subprocess.run([os.environ["HAMI_SIM"], "fault", os.environ["STATE"], os.environ["GPU"], *faults], check=True)

def error_of(call, *arguments):
    try:
        call(*arguments)
    except NVMLError as error:
        return type(error).__name__

nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
other = nvmlDeviceGetHandleByIndex(1)

def errors(type, counter):
    return nvmlDeviceGetTotalEccErrors(device, type, counter)

def recovery_action():
    (field,) = nvmlDeviceGetFieldValues(device, [NVML_FI_DEV_GET_GPU_RECOVERY_ACTION])
    return [field.nvmlReturn, field.value.uiVal]
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, model=MODEL))


def run(machine: Machine, program: str) -> Any:
    variables = {"HAMI_SIM": str(lib("sim/hami-sim")), "STATE": str(machine.state), "GPU": machine.gpus[0].uuid}
    return run_nvml(machine, PRELUDE + program, **variables)


def test_events_come_to_who_registered_before_they_happened(machine: Machine) -> None:
    seen = run(
        machine,
        """
events = nvmlEventSetCreate()
fault("xid=13")
nvmlDeviceRegisterEvents(device, nvmlEventTypeXidCriticalError, events)
silence = error_of(nvmlEventSetWait_v2, events, 0)
fault("ecc-uncorrected=1", "xid=48", "xid=63")
first, second = (nvmlEventSetWait_v2(events, 10000) for _ in range(2))
uuid = nvmlDeviceGetUUID(first.device)
rest = error_of(nvmlEventSetWait_v2, events, 20)
nvmlEventSetFree(events)
show([silence, first.eventType, first.eventData, first.gpuInstanceId, uuid, second.eventData, rest])
""",
    )
    assert seen == ["NVMLError_Timeout", 8, 48, 2**32 - 1, machine.gpus[0].uuid, 63, "NVMLError_Timeout"]


def test_who_waits_is_told_at_once(machine: Machine) -> None:
    seen = run(
        machine,
        """
import threading
events = nvmlEventSetCreate()
wanted = nvmlDeviceGetSupportedEventTypes(other)
nvmlDeviceRegisterEvents(device, wanted, events)
threading.Timer(0.05, fault, ["ecc-corrected=2"]).start()
event = nvmlEventSetWait_v2(events, 30000)
show([wanted, event.eventType, event.eventData])
""",
    )
    assert seen == [1 | 2 | 8, 1, 0]


def test_who_is_far_behind_gets_the_last_events(machine: Machine) -> None:
    seen = run(
        machine,
        """
events = nvmlEventSetCreate()
nvmlDeviceRegisterEvents(device, nvmlEventTypeXidCriticalError, events)
fault(*(f"xid={number}" for number in range(1, 301)))
show([nvmlEventSetWait_v2(events, 0).eventData for _ in range(256)] + [error_of(nvmlEventSetWait_v2, events, 0)])
""",
    )
    assert seen == [*range(45, 301), "NVMLError_Timeout"]


def test_ecc_errors_are_counted_and_a_reset_counts_anew(machine: Machine) -> None:
    seen = run(
        machine,
        """
fault("ecc-uncorrected=2", "ecc-corrected=5")
before = [[errors(type, counter) for counter in (0, 1)] for type in (0, 1)]
places = [nvmlDeviceGetMemoryErrorCounter(device, 1, 0, place) for place in (NVML_MEMORY_LOCATION_L2_CACHE,
                                                                            NVML_MEMORY_LOCATION_DEVICE_MEMORY)]
fault("reset=1")
show([before, places, [[errors(type, counter) for counter in (0, 1)] for type in (0, 1)],
      nvmlDeviceGetTotalEccErrors(other, 1, 1), error_of(nvmlDeviceGetTotalEccErrors, device, 2, 0),
      error_of(nvmlDeviceGetMemoryErrorCounter, device, 0, 0, 8)])
""",
    )
    assert seen == [
        *([[5, 5], [2, 2]], [0, 2], [[0, 5], [0, 2]], 0),
        *("NVMLError_InvalidArgument", "NVMLError_InvalidArgument"),
    ]


def test_rows_are_remapped_by_a_reset(machine: Machine) -> None:
    seen = run(
        machine,
        """
seen = [nvmlDeviceGetRemappedRows(device)]
for happens in (["remap-pending=1"], ["remap-failed=1"], ["reset=1"], ["remap-failed=0"]):
    fault(*happens)
    seen.append(nvmlDeviceGetRemappedRows(device))
show(seen)
""",
    )
    assert seen == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 0, 0]]


def test_recovery_action_is_told_by_drivers_that_know_it(machine: Machine, tmp_path: Path) -> None:
    program = "fault('recovery-action=1')\nshow([recovery_action()])"
    assert run(machine, program) == [[0, 1]]
    older = create_machine(tmp_path / "older", machine.gpus, SimulatedDriver(version="550.54.15"))
    ((result, _),) = run(older, program)
    assert result == 3


def test_calls_on_a_hung_gpu_return_when_it_is_well_again(machine: Machine) -> None:
    seen = run(
        machine,
        """
import threading
answers = []
hanging = threading.Thread(target=lambda: answers.append(nvmlDeviceGetUUID(device)))
fault("hung=1")
hanging.start()
hanging.join(0.2)
before = [answers, nvmlDeviceGetUUID(other)]
command = [sys.executable, "-c", "import pynvml; print(1, flush=True); pynvml.nvmlInit(); print(2)"]
starting = subprocess.Popen(command, stdout=subprocess.PIPE)
assert starting.stdout.readline() == b"1\\n"
try:
    starting.wait(0.2)
except subprocess.TimeoutExpired:
    before = [*map(str, before)]
fault("hung=0")
hanging.join()
show([before, answers, starting.communicate()[0].decode()])
""",
    )
    gpu, other = (each.uuid for each in machine.gpus)
    assert seen == [["[]", other], [gpu], "2\n"]


def test_lost_gpu_answers_nothing_else_and_comes_back(machine: Machine) -> None:
    seen = run(
        machine,
        """
uuid = nvmlDeviceGetUUID(device)
events = nvmlEventSetCreate()
for each in (device, other):
    nvmlDeviceRegisterEvents(each, nvmlEventTypeXidCriticalError, events)
fault("lost=1")
lost = [error_of(nvmlDeviceGetUUID, device), error_of(nvmlDeviceGetMemoryInfo, device),
        error_of(nvmlDeviceGetHandleByUUID, uuid), error_of(nvmlDeviceGetHandleByIndex, 0),
        error_of(nvmlEventSetWait_v2, events, 0), error_of(nvmlDeviceGetRemappedRows, device)]
others = [nvmlDeviceGetCount(), nvmlDeviceGetIndex(nvmlDeviceGetHandleByIndex(1))]
fault("lost=0")
show([set(lost) == {"NVMLError_GpuIsLost"}, others, nvmlDeviceGetUUID(device) == uuid])
""",
    )
    assert seen == [True, [2, 1], True]


def test_a_turing_gpu_remaps_no_rows(tmp_path: Path) -> None:
    machine = create_machine(tmp_path / "root", simulated_gpus(2, model=MODELS["Tesla T4"]))
    assert run(machine, "show([error_of(nvmlDeviceGetRemappedRows, device), errors(1, 0)])") == [
        "NVMLError_NotSupported",
        0,
    ]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("fire=1", "there is no such fault"),
        ("xid", "must be a number from 1 to 999"),
        ("xid=0", "must be a number"),
        ("lost=2", "must be a number from 0 to 1"),
        ("lost=-1", "must be a number"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(machine: Machine, fault: str, reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        machine.fault(machine.gpus[0].uuid, fault)


def test_a_fault_of_no_gpu_or_no_machine_is_refused(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="there is no GPU GPU-nope"):
        machine.fault("GPU-nope", "lost=1")
    machine.state.unlink()
    with pytest.raises(MachineError, match="not the state of a simulated machine"):
        machine.fault(machine.gpus[0].uuid, "lost=1")
