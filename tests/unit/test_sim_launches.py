"""Every function of the simulated driver that launches a kernel, and those that find kernels."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import run
from tests.native.sim.kernels import KERNELS

MS = 1_000_000

LAUNCHES = (
    KERNELS
    + """
start(); load()
library = ctypes.CDLL("libcuda.so.1")
kernel = ctypes.c_void_p(int(function("millisecond")))
one = [ctypes.c_uint(1)] * 6
class Config(ctypes.Structure):
    _fields_ = [("sizes", ctypes.c_uint * 6), ("shared", ctypes.c_uint), ("stream", ctypes.c_void_p),
                ("attributes", ctypes.c_void_p), ("count", ctypes.c_uint)]
class Launch(ctypes.Structure):
    _fields_ = [("function", ctypes.c_void_p), ("sizes", ctypes.c_uint * 6), ("shared", ctypes.c_uint),
                ("stream", ctypes.c_void_p), ("parameters", ctypes.c_void_p)]
config = Config((ctypes.c_uint * 6)(*[1] * 6), 0, None, None, 0)
launches = (Launch * 2)(*[Launch(kernel, config.sizes, 0, None, None)] * 2)
calls = {
    "cuLaunchKernel": (kernel, *one, 0, None, None, None),
    "cuLaunchKernel_ptsz": (kernel, *one, 0, None, None, None),
    "cuLaunchKernelEx": (ctypes.byref(config), kernel, None, None),
    "cuLaunchKernelEx_ptsz": (ctypes.byref(config), kernel, None, None),
    "cuLaunchCooperativeKernel": (kernel, *one, 0, None, None),
    "cuLaunchCooperativeKernel_ptsz": (kernel, *one, 0, None, None),
    "cuLaunchCooperativeKernelMultiDevice": (launches, 2, 0),
    "cuLaunch": (kernel,),
    "cuLaunchGrid": (kernel, 1, 1),
    "cuLaunchGridAsync": (kernel, 1, 1, None),
}

def state(stream):
    return error_of("cuStreamQuery", stream) == "CUDA_SUCCESS"
"""
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(1))


def test_each_takes_the_time_of_its_kernel(machine: Machine) -> None:
    seen = run(
        machine,
        LAUNCHES
        + """
assert library.cuFuncSetBlockShape(kernel, 1, 1, 1) == 0
results = {name: getattr(library, name)(*arguments) for name, arguments in calls.items()}
call("cuCtxSynchronize")
show(results)
""",
    )
    assert set(seen.values()) == {0}, seen
    twice = "cuLaunchCooperativeKernelMultiDevice"
    assert [time.served_ns for time in machine.usage()[0].times] == [(len(seen) + (twice in seen)) * MS]


@pytest.mark.parametrize(
    "name", ["cuLaunchKernel", "cuLaunchKernelEx", "cuLaunchCooperativeKernel", "cuGraphLaunch", "cuLaunchGridAsync"]
)
def test_the_streams_of_threads_are_told_from_the_default_one(machine: Machine, name: str) -> None:
    """What is in a thread's own stream the default one waits for, which alone is busy with what is in itself."""
    program = (
        LAUNCHES.replace('function("millisecond")', 'function("hour")')
        + """
assert library.cuFuncSetBlockShape(kernel, 1, 1, 1) == 0
stream = call("cuStreamCreate", 1)
call("cuStreamBeginCapture", stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
launch("hour", stream)
graph = call("cuGraphInstantiate", call("cuStreamEndCapture", stream), 0)
calls["cuGraphLaunch"] = calls["cuGraphLaunch_ptsz"] = (ctypes.c_void_p(int(graph)), None)
assert getattr(library, NAME)(*calls[NAME]) == 0
show([state(1), state(2)])
"""
    )
    assert run(machine, program.replace("NAME", repr(name))) == [False, True]
    if name != "cuLaunchGridAsync":
        assert run(machine, program.replace("NAME", repr(f"{name}_ptsz"))) == [False, False]


def test_arguments_are_set_one_by_one_for_the_oldest(machine: Machine) -> None:
    seen = run(
        machine,
        LAUNCHES
        + """
f = ctypes.c_void_p(int(function("by_argument")))
value = ctypes.c_uint64(3_000_000)
offset = call("cuFuncGetParamInfo", function("by_argument"), 3)
results = [library.cuFuncSetBlockShape(f, 1, 1, 1), library.cuFuncSetSharedSize(f, 16),
           library.cuParamSetSize(f, offset[0] + offset[1]), library.cuParamSeti(f, 0, 7),
           library.cuParamSetv(f, offset[0], ctypes.byref(value), 8), library.cuLaunchGrid(f, 2, 2)]
refused = [library.cuParamSetv(f, 4092, ctypes.byref(value), 8), library.cuLaunchGrid(f, 0, 1)]
call("cuCtxSynchronize")
show([results, refused, offset])
""",
    )
    invalid = 1
    assert seen == [[0] * 6, [invalid] * 2, [32, 8]]
    assert [time.served_ns for time in machine.usage()[0].times] == [3 * MS]


def test_kernels_of_libraries_are_launched_like_functions(machine: Machine) -> None:
    seen = run(
        machine,
        LAUNCHES
        + """
loaded = call("cuLibraryLoadData", PTX, [], [], 0, [], [], 0)
found = call("cuLibraryGetKernel", loaded, b"millisecond")
of_module = call("cuModuleGetFunction", call("cuLibraryGetModule", loaded), b"millisecond")
for handle in int(found), int(call("cuKernelGetFunction", found)), int(of_module):
    assert library.cuLaunchKernel(ctypes.c_void_p(handle), *one, 0, None, None, None) == 0
call("cuCtxSynchronize")
attribute = driver.CUfunction_attribute
threads = attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
shared = attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
f = function("millisecond")
call("cuFuncSetAttribute", f, shared, 65536)
show([call("cuKernelGetName", found).decode(), error_of("cuLibraryGetKernel", loaded, b"none"),
      call("cuFuncGetAttribute", threads, f), call("cuFuncGetAttribute", shared, f),
      error_of("cuFuncSetAttribute", f, threads, 1), int(call("cuFuncGetModule", f)) == int(module)])
""",
    )
    assert seen == ["millisecond", "CUDA_ERROR_NOT_FOUND", 1024, 65536, "CUDA_ERROR_INVALID_VALUE", True]
    assert [time.served_ns for time in machine.usage()[0].times] == [3 * MS]
