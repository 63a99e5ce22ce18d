"""What runs on the GPU, natively and through a libvgpu.so: `python3 -m bench.gpu.programs NAME` prints one JSON object.

Those that train need PyTorch; the others need no more than the driver.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.gpu.cuda import Gpu

MIB = 2**20
_CHUNK = 16 * MIB
_TIMED_STEPS = 100


def view() -> dict[str, Any]:
    """What an empty process is shown, and by how much the largest allocation misses what is shown as free."""
    gpu = Gpu()
    free, total = gpu.memory()
    largest = _largest(lambda size: _fits(gpu, size), free + 64 * MIB)
    return {"free": free, "total": total, "largest": largest, "missed_by": abs(free - largest)}


def uuid() -> dict[str, Any]:
    """Which GPU these programs run on."""
    return {"uuid": Gpu().uuid()}


def fill() -> dict[str, Any]:
    """Take memory until there is none, say so, and hold it until standard input ends."""
    gpu = Gpu()
    held = 0
    while gpu.allocate(_CHUNK) is not None:
        held += _CHUNK
    print(json.dumps({"held": held, "free": gpu.memory()[0], "total": gpu.memory()[1]}), flush=True)
    sys.stdin.read()
    return {}


def torch_view() -> dict[str, Any]:
    """The same as PyTorch tells it, whose allocator rounds large tensors up to 2 MiB."""
    import torch

    torch.cuda.init()
    free, total = torch.cuda.mem_get_info()

    def fits(size: int) -> bool:
        try:
            torch.empty(size, dtype=torch.uint8, device="cuda")
        except torch.cuda.OutOfMemoryError:
            return False
        finally:
            torch.cuda.empty_cache()
        return True

    largest = _largest(fits, free + 64 * MIB)
    return {"free": free, "total": total, "largest": largest, "missed_by": abs(free - largest)}


def train() -> dict[str, Any]:
    """The median time of a training step, in seconds: many small kernels, allocations from PyTorch's cache."""
    return {"step_s": _timed(_training_step())}


def everyday() -> dict[str, Any]:
    """What programs do all day: train with loaders in processes of their own, on two streams, and fill the memory."""
    import torch

    step = _training_step()
    loader = torch.utils.data.DataLoader(torch.arange(64), batch_size=8, num_workers=2)
    for batch in loader:
        step()
        with torch.cuda.stream(torch.cuda.Stream()):
            batch.cuda(non_blocking=True).float().square().sum()
    torch.cuda.synchronize()
    kept, refused = [], False
    while not refused:
        try:
            kept.append(torch.empty(64 * MIB, dtype=torch.uint8, device="cuda"))
        except torch.cuda.OutOfMemoryError:
            refused = True
    total, held = torch.cuda.mem_get_info()[1], len(kept) * 64 * MIB
    kept.clear()
    torch.cuda.empty_cache()
    step()
    torch.cuda.synchronize()
    return {"total": total, "held": held, "torch": torch.__version__}


def graph() -> dict[str, Any]:
    """The median time of the same forward and backward pass, captured once and replayed as a CUDA graph."""
    import torch

    step = _training_step(capturable=True)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        step()
    return {"step_s": _timed(captured.replay), "free": torch.cuda.mem_get_info()[0]}


def _training_step(*, capturable: bool = False) -> Callable[[], None]:
    import torch

    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.0, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 4).cuda()
    optimizer = torch.optim.Adam(model.parameters(), capturable=capturable)
    batch = torch.randn(16, 64, 256, device="cuda")

    def step() -> None:
        optimizer.zero_grad(set_to_none=not capturable)
        model(batch).square().mean().backward()
        optimizer.step()

    return step


def _timed(step: Callable[[], object]) -> float:
    import torch

    seconds = []
    for _ in range(_TIMED_STEPS + 20):
        began = time.perf_counter()
        step()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return median(seconds[20:])


def _fits(gpu: Gpu, size: int) -> bool:
    address = gpu.allocate(size)
    if address is not None:
        gpu.free(address)
    return address is not None


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest size that fits, by bisection, in bytes."""
    fitting, refused = 0, most
    while refused - fitting > 1:
        middle = (fitting + refused) // 2
        fitting, refused = (middle, refused) if fits(middle) else (fitting, middle)
    return fitting


PROGRAMS = {program.__name__: program for program in (uuid, view, fill, torch_view, train, everyday, graph)}

if __name__ == "__main__":
    print(json.dumps(PROGRAMS[sys.argv[1]]()))
