"""The right limit on the right GPU, whatever order programs see the GPUs in."""

import pytest

from tests.unit.vgpu.container import GIB, Container

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
