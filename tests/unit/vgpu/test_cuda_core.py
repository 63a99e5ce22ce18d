"""NVIDIA's cuda.core, a client of the driver as others write them: what it does is held, and does what it did."""

import pytest
from msgspec.structs import replace

from hami_dra.sim import SimulatedDriver, create_machine, simulated_gpus
from tests.unit.vgpu.container import GIB, MIB, Container, preload

CORES = 50
KERNELS = 200  # of a millisecond each
AHEAD_S = 0.06  # what a share may use at once, and some of what the limiter learns from

PROGRAM = (
    f"KERNELS = {KERNELS}\n"
    + """
import ctypes, json, threading, time
from cuda.core import Device, DeviceMemoryResource, LaunchConfig, LegacyPinnedMemoryResource, ObjectCode, launch

PTX = b'.version 8.0\\n.target sm_80\\n.address_size 64\\n' \\
      b'.visible .entry busy(.param .u64 ns) { .pragma "hami-sim argument=0"; ret; }\\n'

device = Device(0)
device.set_current()
stream = device.create_stream()
kernel = ObjectCode.from_ptx(PTX).get_kernel("busy")
pool = DeviceMemoryResource(device)

def allocate_and_free():
    Device(0).set_current()
    own = Device(0).create_stream()
    buffer = Device(0).allocate(1 << 20, stream=own)
    own.sync()
    buffer.close(own)

def fits(size):
    try:
        pool.allocate(size, stream=stream).close(stream)
    except Exception as error:
        assert "CUDA_ERROR_OUT_OF_MEMORY" in str(error), error
        return False
    stream.sync()
    return True

threads = [threading.Thread(target=allocate_and_free) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
LegacyPinnedMemoryResource().allocate(1 << 20).close()
began = time.monotonic()
for number in range(KERNELS):
    launch(stream, LaunchConfig(grid=1 + number % 3, block=32), kernel, ctypes.c_uint64(1_000_000))
stream.sync()
took = time.monotonic() - began
print(json.dumps({"took": took, "fits": [fits(512 << 20), fits(2 << 30)]}))
"""
)


@pytest.fixture
def container(container: Container) -> Container:
    """On a machine where contexts take memory."""
    gpus = simulated_gpus(1, memory_bytes=16 * GIB)
    driver = SimulatedDriver(context_memory_bytes=300 * MIB)
    container.machine = create_machine(container.shares.parent / "other", gpus, driver)
    return container


def test_it_is_held_to_memory_and_time(container: Container) -> None:
    container.write(replace(container.grant(0, GIB), cores=CORES))
    seen = container.python(PROGRAM)
    assert seen["fits"] == [True, False]
    assert seen["took"] > (KERNELS / 1000 - AHEAD_S) / (CORES / 100)


def test_it_runs_as_without_us(container: Container) -> None:
    assert container.python(PROGRAM, LD_PRELOAD=preload())["fits"] == [True, True]
