"""Graphs of the simulated driver, as far as they take memory."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import run

GIB = 2**30

PROGRAM = """
start()
stream = call("cuStreamCreate", 0)
ATTRIBUTE = driver.CUgraphMem_attribute
def kept():
    names = ATTRIBUTE.CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT, ATTRIBUTE.CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT
    reserved, used = (int(call("cuDeviceGetGraphMemAttribute", 0, name)) // MIB for name in names)
    return [reserved, used, (16 * GIB - free()) // MIB]
def capture(*sizes, frees=True):
    call("cuStreamBeginCapture", stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL)
    for size in sizes:
        pointer = call("cuMemAllocAsync", size * MIB, stream)
        if frees:
            call("cuMemFreeAsync", pointer, stream)
    return call("cuStreamEndCapture", stream), pointer
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(1, memory_bytes=16 * GIB))


def test_a_captured_graph_takes_memory_when_it_is_launched_or_uploaded(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
graph = call("cuGraphInstantiate", capture(4, 6)[0], 0)
seen = [kept()]
for act in "cuGraphUpload", "cuGraphLaunch":
    call(act, graph, stream)
    seen.append(kept())
    call("cuStreamSynchronize", stream)
    call("cuDeviceGraphMemTrim", 0)
    seen.append(kept())
too_large = call("cuGraphInstantiate", capture(4, 17 << 10)[0], 0)
show([*seen, error_of("cuGraphLaunch", too_large, stream), kept()])
""",
    )
    taken, nothing = [6, 0, 6], [0, 0, 0]
    assert seen == [nothing, taken, nothing, taken, nothing, "CUDA_ERROR_OUT_OF_MEMORY", [4, 0, 4]]


def test_what_a_graph_leaves_allocated_is_the_programs(machine: Machine) -> None:
    """It must be freed before the next launch, or by it."""
    seen = run(
        machine,
        PROGRAM
        + """
captured, pointer = capture(4, frees=False)
graph = call("cuGraphInstantiate", captured, 0)
call("cuGraphLaunch", graph, stream)
call("cuMemcpyHtoD", pointer, b"hello", 5)
seen = [kept(), error_of("cuGraphLaunch", graph, stream)]
call("cuMemFree", pointer)
seen += [kept(), error_of("cuMemFree", pointer)]
captured, pointer = capture(4, frees=False)
graph = call("cuGraphInstantiate", captured, 1)
for _ in range(2):
    call("cuGraphLaunch", graph, stream)
show([*seen, kept()])
""",
    )
    invalid = "CUDA_ERROR_INVALID_VALUE"
    assert seen == [[4, 4, 4], invalid, [4, 0, 4], invalid, [4, 4, 4]]


def test_a_stream_that_is_captured_does_no_work(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
pointer = call("cuMemAlloc", 8)
status = lambda: call("cuStreamIsCapturing", stream).value
seen = [status()]
call("cuStreamBeginCapture", stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
seen += [status(), error_of("cuMemsetD8Async", pointer, 0, 8, stream), error_of("cuStreamSynchronize", stream)]
seen.append(error_of("cuStreamEndCapture", stream))
show([*seen, status(), error_of("cuStreamSynchronize", stream)])
""",
    )
    unsupported = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
    invalidated = "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"
    assert seen == [0, 1, unsupported, unsupported, invalidated, 0, "CUDA_SUCCESS"]
