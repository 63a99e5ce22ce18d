"""Graphs with nodes that allocate: what the driver keeps for their launches counts, until it is trimmed."""

from typing import Any

import pytest

from tests.unit.vgpu.container import GIB, Container
from tests.unit.vgpu.noting import NOTING, noted_in_share

# What each program starts with. Sizes are in MiB; see() notes what the share has in use.
PROGRAM = (
    NOTING
    + """
import ctypes

MIB = UNIT = 1 << 20

def allocate(graph, size, device=0):
    params = cuda.CUDA_MEM_ALLOC_NODE_PARAMS()
    params.poolProps.allocType = cuda.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    params.poolProps.location.type = cuda.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    params.poolProps.location.id = device
    params.bytesize = size * MIB
    call("cuGraphAddMemAllocNode", graph, None, 0, params)
    return params.dptr

def free(graph, pointer):
    call("cuGraphAddMemFreeNode", graph, None, 0, pointer)

def passing(*sizes, device=0):
    graph = call("cuGraphCreate", 0)
    for size in sizes:
        free(graph, allocate(graph, size, device))
    return graph

def executable(graph):
    return call("cuGraphInstantiate", graph, 0)

library = ctypes.CDLL("libcuda.so.1")
stream = call("cuStreamCreate", 0)
"""
)


def _seen(container: Container, program: str) -> Any:
    return noted_in_share(container, PROGRAM + program)


def test_a_launch_counts_until_the_device_is_trimmed(container: Container) -> None:
    program = """
graph = executable(passing(100, 50))
see()
for _ in range(2):
    call("cuGraphLaunch", graph, stream)
    see()
call("cuGraphExecDestroy", graph)
call("cuStreamSynchronize", stream)
see()
call("cuDeviceGraphMemTrim", 0)
see()
"""
    assert _seen(container, program) == [0, 100, 100, 100, 0]


def test_what_a_graph_does_not_free_counts_until_the_program_frees_it(container: Container) -> None:
    program = """
graph = call("cuGraphCreate", 0)
pointer = allocate(graph, 100)
call("cuGraphLaunch", executable(graph), stream)
call("cuDeviceGraphMemTrim", 0)
see()
call("cuMemFreeAsync", pointer, stream)
call("cuDeviceGraphMemTrim", 0)
see()
"""
    assert _seen(container, program) == [100, 0]


@pytest.mark.parametrize("how", ["cuGraphLaunch", "cuGraphLaunch_ptsz", "cuGraphUpload", "cuGraphUpload_ptsz"])
def test_more_than_the_limit_is_refused_and_the_largest_that_fits_is_not(container: Container, how: str) -> None:
    program = f"""
large, fitting = executable(passing(1026)), executable(passing(1024))
start = lambda graph: library.{how}(ctypes.c_void_p(int(graph)), ctypes.c_void_p(int(stream)))
seen.append(start(large))
see()
seen.append(start(fitting))
see()
"""
    assert _seen(container, program) == [2, 0, 0, 1024]
    assert container.used_on(0) == 0


def test_nodes_that_use_the_same_memory_fit_although_their_sum_does_not(container: Container) -> None:
    program = """
graph = executable(passing(600, 700, 800))
call("cuGraphLaunch", graph, stream)
see()
plain = call("cuMemAlloc", 224 * MIB)
call("cuGraphLaunch", graph, stream)
see()
call("cuMemFree", plain)
call("cuMemAlloc", 1000 * MIB)
see()
seen.append(failed("cuGraphLaunch", graph, stream))
see()
"""
    assert _seen(container, program) == [800, 1024, 1000, True, 1000]


def test_what_is_captured_counts_when_it_is_launched(container: Container) -> None:
    program = """
plain = call("cuMemAlloc", 900 * MIB)
call("cuStreamBeginCapture", stream, cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL)
for size in 300, 200:
    call("cuMemFreeAsync", call("cuMemAllocAsync", size * MIB, stream), stream)
graph = executable(call("cuStreamEndCapture", stream))
see()
seen.append(failed("cuGraphLaunch", graph, stream))
call("cuMemFree", plain)
call("cuGraphLaunch", graph, stream)
see()
"""
    assert _seen(container, program) == [900, True, 300]


def test_nodes_of_graphs_within_the_graph_count(container: Container) -> None:
    program = """
graph = call("cuGraphCreate", 0)
call("cuGraphAddEmptyNode", graph, None, 0)
call("cuGraphAddChildGraphNode", graph, None, 0, passing(1026))
seen.append(failed("cuGraphLaunch", executable(graph), stream))
see()
"""
    assert _seen(container, program) == [True, 0]


def test_nodes_of_several_devices_count_each_on_its_own(container: Container) -> None:
    container.grant(1, GIB)
    program = """
graph = passing(100)
free(graph, allocate(graph, 200, device=1))
call("cuGraphLaunch", executable(graph), stream)
see()
seen.append(failed("cuGraphLaunch", executable(passing(1026, device=1)), stream))
call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", 1))
see()
call("cuDeviceGraphMemTrim", 1)
see()
"""
    assert _seen(container, program) == [100, True, 0, 0]


INSTANTIATE = {
    "cuGraphInstantiate": "ctypes.c_void_p(), None, 0",
    "cuGraphInstantiate_v2": "ctypes.c_void_p(), None, 0",
    "cuGraphInstantiateWithFlags": "ctypes.c_ulonglong(0)",
    "cuGraphInstantiateWithParams": "params(0)",
    "cuGraphInstantiateWithParams_ptsz": "params(0)",
}


@pytest.mark.parametrize("name", INSTANTIATE)
def test_every_way_to_make_a_graph_executable(container: Container, name: str) -> None:
    program = f"""
params = lambda flags: (ctypes.c_ulonglong * 4)(flags, 0, 0, 0)
def make(graph):
    made = ctypes.c_void_p()
    assert library.{name}(ctypes.byref(made), ctypes.c_void_p(int(graph)), {INSTANTIATE[name]}) == 0
    return made.value
seen.append(failed("cuGraphLaunch", make(passing(1026)), stream))
call("cuGraphLaunch", make(passing(1000)), stream)
see()
"""
    assert _seen(container, program) == [True, 1000]


def test_a_graph_that_is_uploaded_at_once_must_fit(container: Container) -> None:
    program = """
def make(graph):
    params = cuda.CUDA_GRAPH_INSTANTIATE_PARAMS()
    params.flags, params.hUploadStream = 2, stream
    return cuda.cuGraphInstantiateWithParams(graph, params)[0]
seen.append(int(make(passing(1026))))
see()
seen.append(int(make(passing(1024))))
see()
"""
    assert _seen(container, program) == [2, 0, 0, 1024]


def test_a_graph_without_memory_is_left_alone(container: Container) -> None:
    program = """
graph = call("cuGraphCreate", 0)
call("cuGraphAddEmptyNode", graph, None, 0)
made = executable(graph)
call("cuMemAlloc", 1024 * MIB)
call("cuGraphLaunch", made, stream)
call("cuGraphLaunch", executable(passing(1025, device=1)), stream)
call("cuGraphExecDestroy", made)
see()
"""
    assert _seen(container, program) == [1024]
