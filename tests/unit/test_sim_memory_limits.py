"""Limits on the memory of cgroups that the simulated driver holds, as NVIDIA's does from R615 on, by both backends."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hami_dra.sim import LimitsBackend, Machine, SimulatedDriver, create_machine, simulated_gpus
from tests.native.sim.cgroups import cgroup, inside, keep_dmem, remove
from tests.native.sim.client import PRELUDE, environment, run, run_nvml, running

MIB, GIB = 2**20, 2**30
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")

PROGRAM = """
import os
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)

def set_limit(path, hard, soft=0, device=device):
    nvmlDeviceSetMemoryLimits_v1(device, c_nvmlSetMemoryLimits_v1_t(str(path).encode(), soft, hard))

def get_limit(path, device=device):
    limits = c_nvmlGetMemoryLimits_v1_t(str(path).encode())
    nvmlDeviceGetMemoryLimits_v1(device, limits)
    return [limits.softLimit, limits.hardLimit, limits.currentUsed]

def error_of(call, *arguments):
    try:
        call(*arguments)
    except NVMLError as error:
        return type(error).__name__.removeprefix("NVMLError_")

def told(path, device=device):
    return error_of(get_limit, path, device) or get_limit(path, device)
"""

NONE_TOLD: dict[LimitsBackend, str | list[int]] = {"misc": "NotSupported", "dmem": [0, 2**64 - 1, 0]}
"""What a driver tells of a cgroup without a limit, which uses nothing."""

# Takes megabytes until the driver refuses.
FILL = """
start()
taken = 0
while error_of("cuMemAlloc", MIB) == "CUDA_SUCCESS":
    taken += 1
show(taken)
"""


with_misc = pytest.mark.parametrize("backend", ["misc"])
with_dmem = pytest.mark.parametrize("backend", ["dmem"])


@pytest.fixture(params=["misc", "dmem"])
def backend(request: pytest.FixtureRequest) -> LimitsBackend:
    chosen: LimitsBackend = request.param
    return chosen


@pytest.fixture
def machine(tmp_path: Path, backend: LimitsBackend) -> Machine:
    driver = SimulatedDriver(version="615.71.09", cuda_version="13.4", limits_backend=backend)
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB), driver)


@pytest.fixture
def group() -> Iterator[Path]:
    with cgroup() as folder:
        yield folder


def nvml(machine: Machine, program: str, *wrapper: str, **variables: str) -> Any:
    return run_nvml(machine, PROGRAM + program, *wrapper, **variables)


def limit(machine: Machine, folder: Path, hard: int, gpu: int = 0) -> None:
    program = f"set_limit({str(folder)!r}, {hard}, device=nvmlDeviceGetHandleByIndex({gpu}))\nshow(1)"
    assert nvml(machine, program) == 1


def used(machine: Machine, folder: Path) -> Any:
    return nvml(machine, f"show(get_limit({str(folder)!r})[2])")


def test_a_limit_is_told_and_ends(machine: Machine, group: Path, backend: LimitsBackend) -> None:
    seen = nvml(
        machine,
        f"""
group, other = {str(group)!r}, nvmlDeviceGetHandleByIndex(1)
seen = [told(group)]
set_limit(group, 3 * GIB, GIB)
seen += [told(group), told(group, other)]
set_limit(group, 2 * GIB)
set_limit(group, 5 * GIB, device=other)
seen += [told(group), told(group, other)]
set_limit(group, 2**64 - 1)
show([*seen, told(group)])
""",
    )
    none = NONE_TOLD[backend]
    assert seen == [none, [GIB, 3 * GIB, 0], none, [0, 2 * GIB, 0], [0, 5 * GIB, 0], none]


def test_what_cannot_be_is_refused(machine: Machine, group: Path, tmp_path: Path) -> None:
    seen = nvml(
        machine,
        f"""
group = {str(group)!r}
show([error_of(set_limit, group, GIB, 2 * GIB), error_of(set_limit, group, 17 * GIB),
      error_of(set_limit, group + "/none", GIB), error_of(get_limit, group + "/none"),
      error_of(set_limit, {str(tmp_path)!r}, GIB), error_of(set_limit, "hami", GIB),
      error_of(set_limit, group + "/cgroup.procs", GIB),
      error_of(nvmlDeviceSetMemoryLimits_v1, None, c_nvmlSetMemoryLimits_v1_t(group.encode(), 0, GIB)),
      error_of(nvmlDeviceGetMemoryLimits_v1, device, c_nvmlGetMemoryLimits_v1_t(None))])
""",
    )
    invalid, system = "InvalidArgument", "OperatingSystem"
    assert seen == [invalid, invalid, system, system, system, invalid, system, invalid, invalid]


@pytest.mark.parametrize(
    ("wrapper", "first"),
    [
        ((), "os.setuid(65534)"),
        (("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"), ""),
        (("unshare", "--user", "--map-root-user"), ""),
    ],
    ids=["user", "root-without-the-capability", "root-of-a-user-namespace"],
)
def test_only_an_administrator_sets_and_everybody_reads(
    machine: Machine, group: Path, wrapper: tuple[str, ...], first: str
) -> None:
    if wrapper and shutil.which(wrapper[0]) is None:
        pytest.skip(f"there is no {wrapper[0]}")
    limit(machine, group, GIB)
    program = f"{first}\nshow([error_of(set_limit, {str(group)!r}, 2 * GIB), get_limit({str(group)!r})])"
    assert nvml(machine, program, *wrapper) == ["NoPermission", [0, GIB, 0]]


def test_an_older_driver_has_no_such_calls(tmp_path: Path, group: Path) -> None:
    older = create_machine(tmp_path / "older", simulated_gpus(1))
    program = f"show([error_of(set_limit, {str(group)!r}, GIB), error_of(get_limit, {str(group)!r})])"
    assert nvml(older, program) == ["FunctionNotFound", "FunctionNotFound"]


def test_gpus_in_mig_mode_and_their_devices_have_no_limits(tmp_path: Path, group: Path) -> None:
    gpus = (*simulated_gpus(1, memory_bytes=16 * GIB, mig=("3g.8gb",)), *simulated_gpus(1, seed="whole"))
    machine = create_machine(tmp_path / "root", gpus, SimulatedDriver("615.71.09", "13.4"))
    divided = (machine.usage()[0].mig or [])[0]
    seen = nvml(
        machine,
        f"""
group, devices = {str(group)!r}, [device, nvmlDeviceGetHandleByUUID({divided.uuid!r}.encode())]
show([error_of(call, *arguments) for each in devices
      for call, arguments in ((set_limit, (group, GIB, 0, each)), (get_limit, (group, each)))])
""",
    )
    assert seen == ["NotSupported"] * 4
    limit(machine, group, GIB, gpu=1)
    machine.divide(gpus[1].uuid)
    assert machine.usage()[1].limits == []


def test_every_family_of_allocation_ends_at_the_limit(machine: Machine, group: Path) -> None:
    limit(machine, group, 64 * MIB)
    seen = run(
        machine,
        """
start()
array = driver.CUDA_ARRAY_DESCRIPTOR()
array.Width, array.Height, array.NumChannels = 2**20, 65, 1
array.Format = driver.CUarray_format.CU_AD_FORMAT_UNSIGNED_INT8
place = driver.CUmemAllocationProp()
place.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
place.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
show([error_of("cuMemAlloc", 65 * MIB), error_of("cuMemAllocPitch", MIB, 65, 4),
      error_of("cuMemAllocAsync", 65 * MIB, 0), error_of("cuMemCreate", 66 * MIB, place, 0),
      error_of("cuArrayCreate", array), error_of("cuCtxSetLimit", driver.CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE, 73 * MIB),
      error_of("cuModuleLoadData", b".version 8.0".ljust(65 * MIB)),
      error_of("cuMemAllocManaged", 65 * MIB, 1), error_of("cuMemAlloc", 64 * MIB), error_of("cuMemAlloc", 1)])
""",
        *inside(group),
    )
    assert seen == ["CUDA_ERROR_OUT_OF_MEMORY"] * 7 + ["CUDA_SUCCESS"] * 2 + ["CUDA_ERROR_OUT_OF_MEMORY"]


def test_contexts_count(tmp_path: Path, group: Path) -> None:
    driver = SimulatedDriver("615.71.09", "13.4", context_memory_bytes=30 * MIB)
    machine = create_machine(tmp_path / "root", simulated_gpus(1, memory_bytes=GIB), driver)
    limit(machine, group, 100 * MIB)
    assert run(machine, FILL, *inside(group)) == 70
    limit(machine, group, 20 * MIB)
    refused = 'call("cuInit", 0)\nshow(error_of("cuDevicePrimaryCtxRetain", 0))'
    assert run(machine, refused, *inside(group)) == "CUDA_ERROR_OUT_OF_MEMORY"


def test_each_gpu_has_its_own(machine: Machine, group: Path) -> None:
    limit(machine, group, 40 * MIB)
    limit(machine, group, 80 * MIB, gpu=1)
    first, second = (run(machine, FILL.replace("start()", f"start({gpu})"), *inside(group)) for gpu in (0, 1))
    assert (first, second) == (40, 80)


def test_processes_of_a_cgroup_share_the_limit_until_they_die(machine: Machine, group: Path) -> None:
    limit(machine, group, 4 * GIB)
    with running(machine, "start()\ncall('cuMemAlloc', 3 * GIB)", *inside(group)) as first:
        fill = "start()\nshow([error_of('cuMemAlloc', GIB + 1), error_of('cuMemAlloc', GIB)])"
        assert run(machine, fill, *inside(group)) == ["CUDA_ERROR_OUT_OF_MEMORY", "CUDA_SUCCESS"]
        assert used(machine, group) == 3 * GIB
        first.kill()
        first.wait()
    assert used(machine, group) == 0


def test_who_races_gets_no_more_than_the_limit(machine: Machine, group: Path) -> None:
    limit(machine, group, 400 * MIB)
    with contextlib.ExitStack() as stack:
        racers = [stack.enter_context(_racer(machine, group)) for _ in range(4)]
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write(b"\n")
            racer.stdin.flush()
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == b"1\n"
        assert used(machine, group) == 400 * MIB


@contextlib.contextmanager
def _racer(machine: Machine, group: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = """
start()
sys.stdin.readline()
while error_of("cuMemAlloc", MIB) == "CUDA_SUCCESS":
    pass
show(1)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [*inside(group), sys.executable, "-c", PRELUDE + program],
        env=environment(machine),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


SHOWN = """
from pynvml import *
start()
call("cuMemAlloc", GIB)
nvmlInit()
device = nvmlDeviceGetHandleByIndex(0)
old, new = nvmlDeviceGetMemoryInfo(device), nvmlDeviceGetMemoryInfo(device, version=nvmlMemory_v2)
show([[size // GIB for size in sizes] for sizes in
      (call("cuMemGetInfo"), (old.free, old.total, old.used), (new.free, new.total, new.used))])
"""


def test_who_is_in_the_cgroup_is_shown_its_limit(machine: Machine, group: Path) -> None:
    limit(machine, group, 4 * GIB)
    with running(machine, "start()\ncall('cuMemAlloc', 9 * GIB)"):
        assert run(machine, SHOWN, *inside(group)) == [[3, 4], [3, 4, 1], [3, 4, 1]]
        assert run(machine, SHOWN) == [[6, 16], [6, 16, 10], [6, 16, 10]]
    with running(machine, "start()\ncall('cuMemAlloc', 14 * GIB)"):
        assert run(machine, SHOWN, *inside(group)) == [[1, 4], [1, 4, 3], [1, 4, 3]]


@with_misc
def test_the_nearest_limit_acts_and_no_other(machine: Machine, group: Path) -> None:
    """A parent's limit is not shown; a child's own takes the child out of it."""
    middle = group / "middle"
    leaf = middle / "leaf"
    leaf.mkdir(parents=True)
    limit(machine, group, 4 * GIB)
    with running(machine, "start()\ncall('cuMemAlloc', 2 * GIB)\nassert free() == 14 * GIB", *inside(leaf)):
        assert used(machine, group) == 2 * GIB
        fill = "start()\nshow([error_of('cuMemAlloc', 3 * GIB), error_of('cuMemAlloc', 2 * GIB)])"
        assert run(machine, fill, *inside(middle)) == ["CUDA_ERROR_OUT_OF_MEMORY", "CUDA_SUCCESS"]
        limit(machine, leaf, 8 * GIB)
        assert [used(machine, each) for each in (group, leaf)] == [0, 2 * GIB]
        assert run(machine, fill, *inside(leaf)) == ["CUDA_SUCCESS", "CUDA_SUCCESS"]


@with_dmem
def test_all_limits_from_the_root_down_act(machine: Machine, group: Path) -> None:
    """A parent's limit holds what its children have together, and is not shown."""
    leaf, other = group / "leaf", group / "other"
    leaf.mkdir()
    other.mkdir()
    limit(machine, group, 4 * GIB)
    limit(machine, leaf, 8 * GIB)
    with running(machine, "start()\ncall('cuMemAlloc', 2 * GIB)\nassert free() == 6 * GIB", *inside(leaf)):
        assert [used(machine, each) for each in (group, leaf, other)] == [2 * GIB, 2 * GIB, 0]
        fill = "start()\nassert free() == 14 * GIB\nshow([error_of('cuMemAlloc', size) for size in (3 * GIB, 2 * GIB)])"
        assert run(machine, fill, *inside(other)) == ["CUDA_ERROR_OUT_OF_MEMORY", "CUDA_SUCCESS"]
        fill = "start()\nshow([error_of('cuMemAlloc', size) for size in (3 * GIB, 2 * GIB)])"
        assert run(machine, fill, *inside(leaf)) == ["CUDA_ERROR_OUT_OF_MEMORY", "CUDA_SUCCESS"]


@with_dmem
def test_cgroups_to_which_dmem_is_not_handed_down_have_no_limits(machine: Machine, group: Path) -> None:
    pod = group / "pod"
    leaf = pod / "leaf"
    leaf.mkdir(parents=True)
    keep_dmem(group)
    root = next(each for each in group.parents if not (each.parent / "cgroup.procs").exists())
    seen = nvml(
        machine,
        f"show([[error_of(set_limit, path, GIB), error_of(get_limit, path)]"
        f" for path in ({str(root)!r}, {str(group)!r}, {str(pod)!r}, {str(leaf)!r})])",
    )
    assert seen == [["NotFound"] * 2, [None] * 2, ["NotFound"] * 2, ["NotFound"] * 2]
    limit(machine, group, 20 * MIB)
    assert run(machine, FILL, *inside(leaf)) == 20


@with_dmem
def test_soft_limits_add_up_in_ancestors_and_are_left_there_by_who_is_gone(machine: Machine, group: Path) -> None:
    pod = group / "pod"
    leaf = pod / "leaf"
    leaf.mkdir(parents=True)
    seen = nvml(
        machine,
        f"""
set_limit({str(leaf)!r}, 4 * GIB, 3 * GIB)
seen = [told({str(pod)!r}), told({str(group)!r})]
set_limit({str(leaf)!r}, 4 * GIB, GIB)
show([*seen, told({str(pod)!r}), told({str(group)!r})])
""",
    )
    unlimited = 2**64 - 1
    assert seen == [[3 * GIB, unlimited, 0]] * 2 + [[GIB, unlimited, 0]] * 2
    remove(leaf)
    limit(machine, pod, 2 * GIB)
    assert nvml(machine, f"show([told({str(pod)!r}), told({str(group)!r})])") == [[0, 2 * GIB, 0], [0, unlimited, 0]]


@with_dmem
def test_a_limit_below_present_use_is_not_taken_and_no_error(machine: Machine, group: Path) -> None:
    limit(machine, group, 4 * GIB)
    with running(machine, "start()\ncall('cuMemAlloc', 3 * GIB)", *inside(group)):
        limit(machine, group, 2 * GIB)
        assert nvml(machine, f"show(told({str(group)!r}))") == [0, 4 * GIB, 3 * GIB]


@with_misc
def test_a_limit_below_present_use_is_refused(machine: Machine, group: Path) -> None:
    limit(machine, group, 4 * GIB)
    with running(machine, "start()\ncall('cuMemAlloc', 3 * GIB)", *inside(group)):
        program = (
            f"show([error_of(set_limit, {str(group)!r}, 3 * GIB - 1), error_of(set_limit, {str(group)!r}, 3 * GIB)])"
        )
        assert nvml(machine, program) == ["InvalidArgument", None]
    limit(machine, group, MIB)


def test_shared_memory_is_its_makers(machine: Machine, group: Path) -> None:
    limit(machine, group, 64 * MIB)
    program = """
start()
place = driver.CUmemAllocationProp()
place.type = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
place.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
place.requestedHandleTypes = driver.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR
handle = call("cuMemCreate", 40 * MIB, place, 0)
call("cuMemExportToShareableHandle", handle, place.requestedHandleTypes, 0)
"""
    with running(machine, program, *inside(group)):
        assert used(machine, group) == 40 * MIB
        assert run(machine, FILL, *inside(group)) == 24


def test_limits_end_with_their_cgroup_and_with_a_reset(machine: Machine, group: Path, backend: LimitsBackend) -> None:
    child = group / "child"
    child.mkdir()
    for each in (group, child):
        limit(machine, each, GIB)
    remove(child)
    limit(machine, group, 2 * GIB)
    (shown,) = machine.usage()[0].limits
    assert (shown.cgroup, shown.hard, shown.used) == (group.stat().st_ino, 2 * GIB, 0)
    machine.fault(machine.gpus[0].uuid, "reset=1")
    assert machine.usage()[0].limits == []
    assert nvml(machine, f"show(told({str(group)!r}))") == NONE_TOLD[backend]


def test_no_namespace_hides_a_process(machine: Machine, group: Path) -> None:
    """In a cgroup namespace of its own, and without any cgroup tree, the kernel still says where it is."""
    limit(machine, group, 20 * MIB)
    leave = """
import os, subprocess, sys
subprocess.run(["umount", "-a", "-t", "cgroup2"], check=True)
os.execvp(sys.argv[1], sys.argv[1:])
"""  # not the shell, which does not start with ThreadSanitizer
    hidden = ("unshare", "--cgroup", "--mount", "--", sys.executable, "-c", leave)
    if subprocess.run([*hidden, "true"], capture_output=True).returncode != 0:
        pytest.skip("no namespaces can be made here")
    assert run(machine, FILL, *inside(group), *hidden) == 20
    assert run(machine, "start()\nshow(call('cuMemGetInfo'))", *inside(group), *hidden) == [20 * MIB, 20 * MIB]


def test_who_moves_takes_what_it_has_along(machine: Machine, group: Path) -> None:
    limit(machine, group, 20 * MIB)
    program = f"""
start()
call("cuMemAlloc", 15 * MIB)
with open({str(group / "cgroup.procs")!r}, "w") as members:
    members.write(str(os.getpid()))
show([error_of("cuMemAlloc", 6 * MIB), error_of("cuMemAlloc", 5 * MIB)])
"""
    assert run(machine, program) == ["CUDA_ERROR_OUT_OF_MEMORY", "CUDA_SUCCESS"]
