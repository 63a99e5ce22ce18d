"""Shares of MIG devices: the right limit on the right one, through CUDA, NVML and what nvidia-smi shows."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.unit.vgpu.container import CUDA, GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container

LIMIT = 2 * GIB


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A GPU divided in two MIG devices, of 8 and of 4 GiB, before a whole one of 16."""
    divided = simulated_gpus(1, memory_bytes=16 * GIB, seed="divided", mig=["3g.8gb", "2g.4gb"])
    return create_machine(tmp_path / "machine", divided + simulated_gpus(1, memory_bytes=16 * GIB))


@pytest.fixture
def parts(machine: Machine) -> list[str]:
    """The UUIDs of the MIG devices, the larger one first."""
    return [device.uuid for device in machine.usage()[0].mig or ()]


# Asks NVML of all GPUs and MIG devices.
SHOW_NVML = """
import json
import pynvml

def look(device):
    memory = pynvml.nvmlDeviceGetMemoryInfo(device)
    listed = [[each.usedGpuMemory, each.gpuInstanceId, each.computeInstanceId]
              for each in pynvml.nvmlDeviceGetComputeRunningProcesses(device)]
    return [memory.total, memory.used, pynvml.nvmlDeviceGetBAR1MemoryInfo(device).bar1Total, listed]

pynvml.nvmlInit()
shown = {}
for index in range(pynvml.nvmlDeviceGetCount()):
    gpu = pynvml.nvmlDeviceGetHandleByIndex(index)
    shown[pynvml.nvmlDeviceGetUUID(gpu)] = look(gpu)
    for part in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
        try:
            device = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, part)
        except pynvml.NVMLError_NotFound:
            continue
        shown[pynvml.nvmlDeviceGetUUID(device)] = look(device)
print(json.dumps(shown))
"""


def test_a_share_of_a_mig_device_is_of_no_other(container: Container, parts: list[str]) -> None:
    container.grant(parts[1], LIMIT)
    limited = container.client(CUDA_VISIBLE_DEVICES=parts[1])
    assert limited.info() == (LIMIT, LIMIT)
    assert limited.total() == LIMIT
    assert limited.allocate(LIMIT + MIB)[0] == OUT_OF_MEMORY
    assert limited.allocate(LIMIT)[0] == SUCCESS
    for visible, memory in ((parts[0], 8), (container.machine.gpus[1].uuid, 16)):
        free = container.client(CUDA_VISIBLE_DEVICES=visible)
        assert free.total() == memory * GIB
        assert free.allocate(memory * GIB)[0] == SUCCESS


def test_a_share_of_the_gpu_is_of_none_of_its_mig_devices(container: Container) -> None:
    container.grant(0, LIMIT)
    assert container.client().total() == 8 * GIB


def test_two_shares_of_one_mig_device_add_up_and_processes_share_them(container: Container, parts: list[str]) -> None:
    container.grant(parts[0], GIB)
    container.grant(parts[0], LIMIT)
    first, second = container.client(), container.client()
    assert first.allocate(2 * GIB)[0] == SUCCESS
    assert second.info() == (GIB, 3 * GIB)
    assert second.allocate(GIB + MIB)[0] == OUT_OF_MEMORY
    first.kill()
    assert second.allocate(3 * GIB)[0] == SUCCESS


def test_more_than_the_instance_has_is_not_shown(container: Container, parts: list[str]) -> None:
    container.grant(parts[1], 64 * GIB)
    assert container.client(CUDA_VISIBLE_DEVICES=parts[1]).info() == (4 * GIB, 4 * GIB)


def test_contexts_on_mig_devices_count(tmp_path: Path, container: Container) -> None:
    gpus = simulated_gpus(1, memory_bytes=16 * GIB, mig=["7g.16gb"])
    container.machine = create_machine(tmp_path / "costly", gpus, SimulatedDriver(context_memory_bytes=300 * MIB))
    (device,) = container.machine.usage()[0].mig or []
    container.grant(device.uuid, GIB)
    assert container.client().info() == (GIB - 300 * MIB, GIB)


def test_nvml_shows_the_share_and_its_processes(container: Container, parts: list[str]) -> None:
    container.grant(parts[0], LIMIT)
    client = container.client()
    client.allocate(GIB)
    shown = container.python(SHOW_NVML)
    divided, whole = (gpu.uuid for gpu in container.machine.gpus)
    assert shown[parts[0]] == [LIMIT, GIB, LIMIT, [[GIB, 1, 0]]]
    assert shown[parts[1]] == [4 * GIB, 0, 4 * GIB, []]
    assert shown[divided][:2] == [16 * GIB, GIB]
    assert shown[whole][:2] == [16 * GIB, 0]


def test_nvidia_smi_shows_the_share(container: Container, parts: list[str]) -> None:
    container.grant(parts[0], LIMIT)
    container.client().allocate(GIB)
    table = container.run(container.machine.smi).stdout
    (row,) = (line for line in table.splitlines() if "3g.8gb" in line)
    assert "1024MiB / 2048MiB" in row


def test_nvidias_binding_sees_the_share(container: Container, parts: list[str]) -> None:
    container.grant(parts[1], LIMIT)
    program = f"""{CUDA}
import json
call('cuInit', 0)
call('cuCtxSetCurrent', call('cuDevicePrimaryCtxRetain', 0))
(_, free, total) = cuda.cuMemGetInfo()
print(json.dumps([free, total, int(cuda.cuMemAlloc(total + 1)[0]), int(cuda.cuMemAlloc(total)[0])]))
"""
    assert container.python(program, CUDA_VISIBLE_DEVICES=parts[1]) == [LIMIT, LIMIT, OUT_OF_MEMORY, SUCCESS]


def test_variables_count_mig_devices_in_the_place_of_their_gpu(
    container: Container, parts: list[str], tmp_path: Path
) -> None:
    limits = {0: "1g", 1: "2g", 2: "3g"}
    container.environment |= {f"CUDA_DEVICE_MEMORY_LIMIT_{place}": value for place, value in limits.items()}
    container.environment["CUDA_DEVICE_MEMORY_SHARED_CACHE"] = str(tmp_path / "cache")
    for visible, memory in ((parts[0], 1), (parts[1], 2), (container.machine.gpus[1].uuid, 3)):
        client = container.client(CUDA_VISIBLE_DEVICES=visible)
        assert client.total() == memory * GIB
        assert client.allocate(memory * GIB + MIB)[0] == OUT_OF_MEMORY
    (container.machine.root / "dev/nvidia-caps/nvidia-cap12").unlink()  # as in a container that has not the first
    assert container.client(CUDA_VISIBLE_DEVICES=parts[1]).total() == GIB


def test_a_whole_mig_device_beside_a_limited_one_is_left_alone(container: Container, parts: list[str]) -> None:
    container.grant(parts[0], LIMIT)
    shown = container.run(container.machine.smi, "-L").stdout
    assert all(part in shown for part in parts)
    whole = container.client(CUDA_VISIBLE_DEVICES=parts[1])
    assert whole.allocate(4 * GIB)[0] == SUCCESS
    assert whole.info() == (0, 4 * GIB)
