"""The right limit on the right GPU, whatever order programs see the GPUs in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hami_dra.sim import MODELS, create_machine, simulated_gpus
from tests.unit.vgpu.container import GIB, SUCCESS, Container

INVALID_CONTEXT = 201

# NVIDIA's own bindings, as programs use them.
SHOW_CUDA = """
import json
from cuda.bindings import driver as cuda

cuda.cuInit(0)
shown = {}
for ordinal in range(cuda.cuDeviceGetCount()[1]):
    device = cuda.cuDeviceGet(ordinal)[1]
    cuda.cuCtxSetCurrent(cuda.cuDevicePrimaryCtxRetain(device)[1])
    (_, free, total), (_, device_total) = cuda.cuMemGetInfo(), cuda.cuDeviceTotalMem(device)
    refused = cuda.cuMemAlloc(total + 1)[0].value
    granted = cuda.cuMemAlloc(total)[0].value
    shown[cuda.cuDeviceGetUuid(device)[1].bytes.hex()] = [free, total, device_total, refused, granted]
print(json.dumps(shown))
"""

SHOW_NVML = """
import json
import pynvml

pynvml.nvmlInit()
shown = {}
for index in range(pynvml.nvmlDeviceGetCount()):
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    first = pynvml.nvmlDeviceGetMemoryInfo(handle)
    second = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    shown[pynvml.nvmlDeviceGetUUID(handle)] = [
        [first.total, first.free, first.used],
        [second.total, second.free, second.used, second.reserved],
    ]
print(json.dumps(shown))
"""


@pytest.mark.parametrize("order", ["FASTEST_FIRST", "PCI_BUS_ID"])
@pytest.mark.parametrize("visible", ["0,1", "1,0", "1", "by uuid, second first", "by prefix, second"])
def test_cuda_shows_and_holds_each_gpus_own_limit(container: Container, visible: str, order: str) -> None:
    limits = {0: 3 * GIB, 1: 5 * GIB}
    for gpu in (1, 0):
        container.grant(gpu, limits[gpu])
    uuids = [gpu.uuid for gpu in container.machine.gpus]
    chosen = {
        "by uuid, second first": ",".join(reversed(uuids)),
        "by prefix, second": uuids[1][:12],
    }.get(visible, visible)
    shown = container.python(SHOW_CUDA, CUDA_VISIBLE_DEVICES=chosen, CUDA_DEVICE_ORDER=order)
    expected = {
        uuid.removeprefix("GPU-").replace("-", ""): [limit, limit, limit, 2, 0]
        for uuid, limit in zip(uuids, limits.values(), strict=True)
    }
    assert shown == {uuid: values for uuid, values in expected.items() if uuid in shown}
    assert len(shown) == (1 if visible in ("1", "by prefix, second") else 2)


def test_nvml_shows_limit_and_use_of_all_processes(container: Container) -> None:
    container.grant(1, 5 * GIB)
    client = container.client(CUDA_VISIBLE_DEVICES="1")
    client.allocate(2 * GIB)
    first, second = (gpu.uuid for gpu in container.machine.gpus)
    shown = container.python(SHOW_NVML)
    assert shown[second] == [[5 * GIB, 3 * GIB, 2 * GIB], [5 * GIB, 3 * GIB, 2 * GIB, 0]]
    assert shown[first][0] == [16 * GIB, 16 * GIB, 0]


def test_nvml_never_shows_more_than_there_is(container: Container) -> None:
    container.grant(0, 64 * GIB)
    first = container.machine.gpus[0].uuid
    assert container.python(SHOW_NVML)[first][0] == [16 * GIB, 16 * GIB, 0]


# NVML, CUDA, and NVML again, in one process.
SHOW_BOTH = """
import json
import pynvml
from cuda.bindings import driver as cuda

def nvml_totals():
    handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    totals = [pynvml.nvmlDeviceGetMemoryInfo(handle).total >> 30 for handle in handles]
    return dict(zip(map(pynvml.nvmlDeviceGetUUID, handles), totals))

def cuda_totals():
    devices = [cuda.cuDeviceGet(ordinal)[1] for ordinal in range(cuda.cuDeviceGetCount()[1])]
    return [[cuda.cuDeviceGetUuid(device)[1].bytes.hex(), cuda.cuDeviceTotalMem(device)[1] >> 30] for device in devices]

pynvml.nvmlInit()
before = nvml_totals()
cuda.cuInit(0)
print(json.dumps([before, cuda_totals(), nvml_totals()]))
"""
SLOW, FAST = 0, 1
SLOW_LIMIT, FAST_LIMIT = 3, 5  # GiB


@pytest.fixture
def mixed(tmp_path: Path, programs: Path) -> Iterator[Container]:
    """A container on a machine whose second GPU is the faster one: NVML's order and CUDA's differ."""
    slow = simulated_gpus(1, model=MODELS["Tesla T4"], seed="slow")
    fast = simulated_gpus(1, model=MODELS["NVIDIA H100 80GB HBM3"], seed="fast")
    container = Container(tmp_path / "shares", create_machine(tmp_path / "mixed", slow + fast), programs)
    yield container
    container.stop()


def _limit_by_shares(container: Container, tmp_path: Path) -> None:
    container.grant(SLOW, SLOW_LIMIT * GIB)
    container.grant(FAST, FAST_LIMIT * GIB)


def _limit_by_environment(container: Container, tmp_path: Path) -> None:
    container.environment |= {
        "CUDA_DEVICE_MEMORY_LIMIT_0": f"{SLOW_LIMIT}g",
        "CUDA_DEVICE_MEMORY_LIMIT_1": f"{FAST_LIMIT}Gi",
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(tmp_path / "cache"),
    }


# What CUDA shows with CUDA_VISIBLE_DEVICES, by CUDA_DEVICE_ORDER. {0} and {1} are the UUIDs in the order of the bus.
ORDERED = [
    ("PCI_BUS_ID", "0,1", [SLOW, FAST]),
    ("FASTEST_FIRST", "0,1", [FAST, SLOW]),
    ("PCI_BUS_ID", "1", [FAST]),
    ("FASTEST_FIRST", "1", [SLOW]),
    ("FASTEST_FIRST", "1,0", [SLOW, FAST]),
    ("FASTEST_FIRST", "{0},{1}", [SLOW, FAST]),
    ("PCI_BUS_ID", "{1:.12}", [FAST]),
]


@pytest.mark.parametrize("limit", [_limit_by_shares, _limit_by_environment])
@pytest.mark.parametrize(("order", "visible", "expected"), ORDERED)
def test_defect_1_each_gpu_keeps_its_limit_where_cuda_and_nvml_order_them_differently(
    mixed: Container,
    tmp_path: Path,
    limit: Callable[[Container, Path], None],
    order: str,
    visible: str,
    expected: list[int],
) -> None:
    limit(mixed, tmp_path)
    uuids = [gpu.uuid for gpu in mixed.machine.gpus]
    before, cuda, after = mixed.python(SHOW_BOTH, CUDA_DEVICE_ORDER=order, CUDA_VISIBLE_DEVICES=visible.format(*uuids))
    limits = [SLOW_LIMIT, FAST_LIMIT]
    assert before == after == dict(zip(uuids, limits, strict=True))
    assert cuda == [[uuids[gpu].removeprefix("GPU-").replace("-", ""), limits[gpu]] for gpu in expected]


def test_the_only_visible_gpu_is_left_alone_if_no_share_covers_it(container: Container) -> None:
    container.grant(0, GIB)
    client = container.client(CUDA_VISIBLE_DEVICES="1")
    assert client.allocate(16 * GIB)[0] == SUCCESS
    assert client.info() == (0, 16 * GIB)


WITHOUT_CONTEXT = """
import json
from cuda.bindings import driver as cuda

cuda.cuInit(0)
context = cuda.cuDevicePrimaryCtxRetain(0)[1]
cuda.cuCtxSetCurrent(context)
cuda.cuMemAlloc(1)
cuda.cuCtxSetCurrent(None)
refused = cuda.cuMemAlloc(1)[0].value
cuda.cuCtxSetCurrent(context)
_, free, total = cuda.cuMemGetInfo()
print(json.dumps([refused, total - free]))
"""


@pytest.mark.parametrize("visible", ["0", "0,1"])
def test_an_allocation_without_a_context_is_the_drivers_to_refuse(container: Container, visible: str) -> None:
    container.grant(0, GIB)
    assert container.python(WITHOUT_CONTEXT, CUDA_VISIBLE_DEVICES=visible) == [INVALID_CONTEXT, 512]


def test_without_a_context_a_full_share_answers_as_the_driver_does(container: Container) -> None:
    container.grant(0, GIB)
    program = f"""
import json
from cuda.bindings import driver as cuda

cuda.cuInit(0)
description = cuda.CUDA_EXTERNAL_MEMORY_HANDLE_DESC()
description.size = 1
shape = cuda.CUDA_ARRAY_DESCRIPTOR()
shape.Width, shape.NumChannels, shape.Format = 1, 1, cuda.CUarray_format.CU_AD_FORMAT_FLOAT
context = cuda.cuDevicePrimaryCtxRetain(0)[1]
cuda.cuCtxSetCurrent(context)
cuda.cuMemAlloc({GIB})
cuda.cuCtxSetCurrent(0)
print(json.dumps([int(result[0]) for result in (
    cuda.cuMemAlloc(1), cuda.cuMemAllocPitch(1, 1, 4), cuda.cuMemAllocManaged(1, 1),
    cuda.cuArrayCreate(shape), cuda.cuImportExternalMemory(description),
)]))
"""
    assert container.python(program, CUDA_VISIBLE_DEVICES="0") == 5 * [INVALID_CONTEXT]
