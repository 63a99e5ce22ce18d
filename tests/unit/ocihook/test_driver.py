"""How hami-dra-oci-hook has the driver limit a container."""

import os
import shutil
from pathlib import Path

import pytest

from hami_dra.sim import SimulatedDriver, create_machine
from tests.native.sim.cgroups import inside, keep_dmem, waiting_in
from tests.native.sim.client import run
from tests.unit.ocihook.hook import GIB, ID, MIB, Hook

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="setting the driver's limits needs root")
with_both = pytest.mark.parametrize("backend", ["misc", "dmem"])


@with_both
def test_the_driver_holds_what_the_shares_grant(hook: Hook, group: Path) -> None:
    first, second = hook.share("first", 0, 64 * MIB), hook.share("second", 1, 128 * MIB)
    for share in (first, second):
        assert hook.run(share) == ""
        assert hook.notes(share) == {ID: f"version 1\ncgroup {group}\npid {hook.pid}\nenforce driver\n"}
    (one,), (other,) = hook.limits(0), hook.limits(1)
    assert (one.cgroup, one.soft, one.hard) == (group.stat().st_ino, 0, 64 * MIB)
    assert (other.cgroup, other.soft, other.hard) == (group.stat().st_ino, 0, 128 * MIB)
    allocate = "start()\nshow([error_of('cuMemAlloc', 64 * MIB + 1), error_of('cuMemAlloc', 64 * MIB)])"
    assert run(hook.machine, allocate, *inside(group)) == ["CUDA_ERROR_OUT_OF_MEMORY", "CUDA_SUCCESS"]


@with_both
def test_shares_of_one_gpu_add_up_and_only_the_containers_own(hook: Hook) -> None:
    first, second, other = hook.share("first", 0, 3 * MIB), hook.share("second", 0, 5 * MIB), hook.share("third", 1, 7)
    (hook.share("of another", 0, MIB) / "containers" / "another").touch()
    (hook.share(".doomed", 0, MIB) / "containers" / ID).touch()
    sums = []
    for share in (first, other, second, first):
        assert hook.run(share) == ""
        sums.append([limit.hard for limit in hook.limits(0)])
    assert sums == [[3 * MIB], [3 * MIB], [8 * MIB], [8 * MIB]]
    assert [limit.hard for limit in hook.limits(1)] == [7]


@pytest.mark.parametrize("order", ["driver library", "library driver"])
def test_a_container_of_which_one_share_is_by_the_driver_is_limited_to_all_whichever_comes_last(
    hook: Hook, order: str
) -> None:
    elsewhere = hook.share("elsewhere", 1, MIB)
    for enforce, memory in zip(order.split(), (3 * MIB, 5 * MIB), strict=True):
        assert hook.run(hook.share(enforce, 0, memory), enforce) == ""
    assert hook.run(elsewhere, "library") == ""
    assert [limit.hard for limit in hook.limits(0)] == [8 * MIB]
    assert hook.limits(1) == []


def test_the_driver_adds_up_what_changes_meanwhile(hook: Hook, odd_nvml: Path, tmp_path: Path) -> None:
    share = hook.share("one", 0, MIB)
    to_be = hook.set_memory(share, 0, 2 * MIB, "limits.new")
    told = tmp_path / "told"
    variables = {"LIMITS": str(share / "limits"), "LIMITS_TO_BE": str(to_be), "TOLD": str(told)}
    assert hook.run(share, "driver", odd_nvml / "restless.so", variables=variables) == ""
    assert told.read_text() == str(2 * MIB)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("hanging", "did not answer within"),
        ("crashing", "NVML crashed (Aborted)"),
        ("leaving", "NVML ended the process that asked it"),
        ("lying", "took a limit of 1048576 bytes for"),
        ("older", "driver cannot limit the memory of a cgroup"),
    ],
)
def test_an_nvml_that_misbehaves_fails_the_container(hook: Hook, odd_nvml: Path, kind: str, reason: str) -> None:
    share = hook.share("one", 0, MIB)
    options = ("--timeout-ms", "300") if kind == "hanging" else ()
    assert reason in hook.run(share, "driver", odd_nvml / f"{kind}.so", *options)
    assert hook.notes(share) == {}


def test_a_gpu_that_hangs_fails_the_container_in_time(hook: Hook) -> None:
    share = hook.share("one", 0, MIB)
    hook.machine.fault(hook.machine.gpus[0].uuid, "hung=1")
    assert "NVML did not answer within" in hook.run(share, "driver", None, "--timeout-ms", "300")
    assert hook.notes(share) == {}


def test_what_nvml_prints_is_lost(hook: Hook, odd_nvml: Path) -> None:
    assert hook.run(hook.share("one", 0, MIB), "driver", odd_nvml / "chatting.so") == ""


def test_a_driver_that_cannot_says_what_to_do(hook: Hook, tmp_path: Path) -> None:
    older = create_machine(tmp_path / "older", hook.machine.gpus, SimulatedDriver())
    share = hook.share("one", 0, MIB)
    complaint = hook.run(share, "driver", older.library_dir / "libnvidia-ml.so.1")
    assert "update it to R615 or later, or let the claim ask for memoryEnforcement library" in complaint
    assert hook.notes(share) == {}


@pytest.mark.parametrize("backend", ["dmem"])
def test_a_cgroup_to_which_the_kernel_does_not_hand_its_controller_says_what_to_do(hook: Hook, group: Path) -> None:
    share = hook.share("one", 0, MIB)
    below = group / "container"
    below.mkdir()
    keep_dmem(group)
    with waiting_in(below) as hook.pid:
        complaint = hook.run(share)
    assert "Not Found (6): the kernel's controller dmem must be handed down to it" in complaint
    assert hook.notes(share) == {}


@pytest.mark.parametrize(
    ("name", "reason"), [("none.so", "cannot be loaded"), ("libcuda.so.1", "is not NVIDIA's NVML")]
)
def test_no_nvml_is_refused(hook: Hook, name: str, reason: str) -> None:
    share = hook.share("one", 0, MIB)
    assert reason in hook.run(share, "driver", hook.machine.library_dir / name)
    assert hook.notes(share) == {}


def test_a_gpu_that_the_machine_does_not_have_is_refused(hook: Hook) -> None:
    share = hook.share("one", 0, MIB)
    limits = (share / "limits").read_text().replace("GPU-", "GPU-" + "0" * 8, 1)
    (share / "limits").write_text(limits[: limits.index("GPU-") + 12] + limits[limits.index("GPU-") + 20 :])
    assert "the driver does not give GPU GPU-00000000-" in hook.run(share)
    hook.set_memory(share, 0, MIB)
    hook.machine.fault(hook.machine.gpus[0].uuid, "lost=1")
    assert "GPU is lost" in hook.run(share)


def test_more_than_the_gpu_has_is_refused(hook: Hook) -> None:
    share = hook.share("one", 0, 17 * GIB)
    assert "more than the GPU has, or less than is in use" in hook.run(share)
    huge = [hook.share(name, 1, 2**62 + 2**61) for name in ("huge", "as huge")]
    (huge[0] / "containers" / ID).touch()
    assert "add up to more than any GPU has" in hook.run(huge[1])
    assert (hook.notes(share), hook.limits(0), hook.limits(1)) == ({}, [], [])


def test_limits_that_cannot_be_read_are_refused(hook: Hook) -> None:
    share = hook.share("one", 0, MIB)
    (share / "limits").write_text("version 2\n")
    assert "is of a version that is not known here" in hook.run(share)
    (share / "limits").unlink()
    assert "limits cannot be read: delete the pod" in hook.run(share)
    assert hook.notes(share) == {}


def test_a_runtime_that_is_no_administrator_is_refused(hook: Hook) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    share = hook.share("one", 0, MIB)
    without = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--")
    assert "must run as root, with CAP_SYS_ADMIN" in hook.run(share, wrapper=without)


def test_no_variable_changes_the_limit(hook: Hook) -> None:
    share = hook.share("one", 0, MIB)
    variables = {
        "NVIDIA_GPU_MEMORY_LIMIT": "999999",
        "NVIDIA_GPU_MEMORY_REQUEST": "999999",
        "CUDA_DEVICE_MEMORY_LIMIT": "0",
        "HAMI_DRA_SHARES": "/nonexistent",
    }
    assert hook.run(share, variables=variables) == ""
    assert [limit.hard for limit in hook.limits(0)] == [MIB]
