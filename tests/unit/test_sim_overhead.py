"""Device memory of the simulator that no allocation takes: contexts' limits, modules and libraries."""

from pathlib import Path

import pytest

from hami_dra.sim import Machine, SimulatedDriver, create_machine, simulated_gpus
from hami_dra.sim.machine import ProcessList
from tests.native.sim.client import run, run_nvml, running

GIB = 2**30

PROGRAM = """
start()
LIMIT = driver.CUlimit
taken = lambda: (16 * GIB - free()) / MIB
image = lambda size: b".version 8.0".ljust(size * MIB)
library = lambda size: call("cuLibraryLoadData", image(size), [], [], 0, [], [], 0)
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(1, memory_bytes=16 * GIB))


def test_code_takes_memory_as_large_as_its_image(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "code.ptx").write_bytes(b".version 8.0".ljust(4 << 20))
    seen = run(
        machine,
        PROGRAM
        + f"""
path = {str(tmp_path / "code.ptx")!r}.encode()
modules = [call("cuModuleLoadData", image(1)), call("cuModuleLoadDataEx", image(2), 0, [], [])]
modules += [call("cuModuleLoad", path), call("cuModuleLoadFatBinary", image(8))]
seen = [taken()]
libraries = [library(16), call("cuLibraryLoadFromFile", path, [], [], 0, [], [], 0)]
seen.append(taken())
for module in modules:
    call("cuModuleUnload", module)
seen.append(taken())
for one in libraries:
    call("cuLibraryUnload", one)
show([*seen, taken()])
""",
    )
    assert seen == [15, 35, 20, 0]


@pytest.mark.parametrize(
    "use",
    [
        'call("cuLibraryGetModule", one)',
        'error_of("cuLibraryGetGlobal", one, b"variable")',
        'error_of("cuLibraryGetManaged", one, b"variable")',
    ],
)
def test_a_library_without_a_context_is_loaded_into_the_first_that_uses_it(machine: Machine, use: str) -> None:
    seen = run(
        machine,
        PROGRAM
        + f"""
context = call("cuCtxPopCurrent")
one = library(2)
call("cuCtxPushCurrent", context)
seen = [taken()]
for _ in range(2):
    {use}
    seen.append(taken())
call("cuLibraryUnload", one)
show([*seen, taken()])
""",
    )
    assert seen == [0, 2, 2, 0]


def test_code_goes_with_its_context(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
context = call("cuCtxCreate", None, 0, 0)
module, other = call("cuModuleLoadData", image(1)), library(2)
seen = [taken()]
call("cuCtxDetach", context)
seen.append(taken())
call("cuCtxCreate", None, 0, 0)
call("cuModuleUnload", module)
call("cuLibraryUnload", other)
show([*seen, taken()])
""",
    )
    assert seen == [3, 0, 0]


def test_code_that_is_none_or_does_not_fit_takes_nothing(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
errors = [error_of("cuModuleLoadData", text) for text in (b"", b"\\x7fELF .version 8.0")]
errors.append(error_of("cuModuleLoad", b"/nonexistent"))
call("cuMemAlloc", 16 * GIB - MIB)
errors.append(error_of("cuModuleLoadData", image(2)))
errors.append(error_of("cuLibraryLoadData", image(2), [], [], 0, [], [], 0))
show([*errors, free()])
""",
    )
    assert seen == [
        "CUDA_ERROR_INVALID_IMAGE",
        "CUDA_ERROR_NOT_SUPPORTED",
        "CUDA_ERROR_FILE_NOT_FOUND",
        "CUDA_ERROR_OUT_OF_MEMORY",
        "CUDA_ERROR_OUT_OF_MEMORY",
        2**20,
    ]


def test_limits_beyond_their_defaults_take_memory(machine: Machine) -> None:
    seen = run(
        machine,
        PROGRAM
        + """
multiprocessors = call("cuDeviceGetAttribute", driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0)
seen = []
for limit, value in (LIMIT.CU_LIMIT_MALLOC_HEAP_SIZE, 64 * MIB), (LIMIT.CU_LIMIT_PRINTF_FIFO_SIZE, 5 * MIB):
    call("cuCtxSetLimit", limit, value)
    seen += [taken(), call("cuCtxGetLimit", limit) == value]
call("cuCtxSetLimit", LIMIT.CU_LIMIT_MALLOC_HEAP_SIZE, 0)
seen.append(taken())
call("cuCtxSetLimit", LIMIT.CU_LIMIT_STACK_SIZE, 1024 + 512)
seen.append(taken() == 4 + multiprocessors)
seen.append(error_of("cuCtxSetLimit", LIMIT.CU_LIMIT_MALLOC_HEAP_SIZE, 2**63))
call("cuDevicePrimaryCtxReset", 0)
start()
show([*seen, taken(), call("cuCtxGetLimit", LIMIT.CU_LIMIT_STACK_SIZE)])
""",
    )
    assert seen == [56, True, 60, True, 4, True, "CUDA_ERROR_OUT_OF_MEMORY", 0, 1024]


@pytest.mark.parametrize(("listed", "memory"), [("whole", [GIB]), ("without-memory", [0]), ("absent", [])])
def test_older_drivers_tell_less_of_processes(tmp_path: Path, listed: ProcessList, memory: list[int]) -> None:
    machine = create_machine(tmp_path, simulated_gpus(1, memory_bytes=16 * GIB), SimulatedDriver(process_list=listed))
    query = """
nvmlInit()
show([process.usedGpuMemory for process in nvmlDeviceGetComputeRunningProcesses(nvmlDeviceGetHandleByIndex(0))])
"""
    with running(machine, "start()\ncall('cuMemAlloc', GIB)"):
        assert run_nvml(machine, query) == memory
