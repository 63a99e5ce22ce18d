"""Graphs of kernels on the simulated driver."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import run
from tests.native.sim.kernels import KERNELS

MS = 1_000_000

GRAPHS = (
    KERNELS
    + """
start(); load()
stream = call("cuStreamCreate", 1)

def kernel_params(name="millisecond", grid=1):
    params = driver.CUDA_KERNEL_NODE_PARAMS()
    params.func = function(name)
    params.gridDimX = grid
    params.gridDimY = params.gridDimZ = params.blockDimX = params.blockDimY = params.blockDimZ = 1
    return params

def duration(graph):
    # How long a launch of an executable graph takes.
    first, last = call("cuEventCreate", 0), call("cuEventCreate", 0)
    def launch_it():
        call("cuEventRecord", first, stream)
        call("cuGraphLaunch", graph, stream)
        call("cuEventRecord", last, stream)
    while_busy(launch_it, stream)
    call("cuStreamSynchronize", stream)
    return elapsed_ns(first, last)
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(1))


def test_a_graph_takes_as_long_as_its_kernels(machine: Machine) -> None:
    """Those added by each call, and in graphs within it, as often as it is launched."""
    seen = run(
        machine,
        GRAPHS
        + """
inner, graph = call("cuGraphCreate", 0), call("cuGraphCreate", 0)
node = call("cuGraphAddKernelNode", inner, [], 0, kernel_params())
call("cuGraphAddChildGraphNode", graph, [], 0, inner)
params = driver.CUgraphNodeParams()
params.type = driver.CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL
params.kernel.func = function("millisecond")
for size in "gridDimX", "gridDimY", "gridDimZ", "blockDimX", "blockDimY", "blockDimZ":
    setattr(params.kernel, size, 1)
call("cuGraphAddNode", graph, [], None, 0, params)
call("cuGraphAddEmptyNode", graph, [], 0)
changed = call("cuGraphAddKernelNode", graph, [], 0, kernel_params())
exec = call("cuGraphInstantiate", graph, 0)
seen = [duration(exec), duration(exec)]
call("cuGraphExecKernelNodeSetParams", exec, changed, kernel_params("nothing"))
seen.append(duration(exec))
call("cuGraphKernelNodeSetParams", changed, kernel_params("nothing"))
seen.append(duration(call("cuGraphInstantiate", graph, 0)))
show([seen, call("cuGraphNodeGetType", node).value])
""",
    )
    assert seen == [[3 * MS, 3 * MS, 2 * MS, 2 * MS], 0]


def test_captured_launches_run_when_the_graph_is_launched(machine: Machine) -> None:
    seen = run(
        machine,
        GRAPHS
        + """
call("cuStreamBeginCapture", stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
for _ in range(5):
    launch("millisecond", stream)
graph = call("cuStreamEndCapture", stream)
idle = error_of("cuStreamQuery", stream)
show([idle, duration(call("cuGraphInstantiate", graph, 0))])
""",
    )
    assert seen == ["CUDA_SUCCESS", 5 * MS]


def test_a_kernel_that_cannot_be_launched_becomes_no_node(machine: Machine) -> None:
    seen = run(
        machine,
        GRAPHS
        + """
graph = call("cuGraphCreate", 0)
empty = call("cuGraphAddEmptyNode", graph, [], 0)
exec = call("cuGraphInstantiate", graph, 0)
show([error_of("cuGraphAddKernelNode", graph, [], 0, kernel_params(grid=0)),
      error_of("cuGraphKernelNodeSetParams", empty, kernel_params()),
      error_of("cuGraphExecKernelNodeSetParams", exec, empty, kernel_params()), call("cuGraphGetNodes", graph, 9)[1]])
""",
    )
    invalid = "CUDA_ERROR_INVALID_VALUE"
    assert seen == [invalid, invalid, invalid, 1]
