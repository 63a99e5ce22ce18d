"""A GPU in MIG mode on a real cluster: its MIG devices are scheduled, shared and had whole, by NVIDIA's own edits."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hami_dra.sim import simulated_gpus
from tests.e2e.cluster import LocalCluster, wait_for
from tests.e2e.clusters import GATE, gpu_machine, installed_driver, local_cluster
from tests.e2e.driver import DRIVER, NAMESPACE, RELEASE, Driver
from tests.e2e.memory import allocate, granted, memory_seen
from tests.e2e.objects import Object, claim, new_object, pod
from tests.e2e.workspace import Workspace

LARGE, SMALL, WHOLE = "hami-gpu-0-mig-3g8gb-1-0", "hami-gpu-0-mig-1g2gb-7-0", "hami-gpu-1"
GPUS = (
    *simulated_gpus(1, memory_bytes=16 * 2**30, seed="divided", mig=["3g.8gb", "1g.2gb"]),
    *simulated_gpus(1, memory_bytes=16 * 2**30),
)

# What the kernel module of NVIDIA's driver shows in each container's /proc of a real node, nvidia-ctk's among them.
SHOW_KERNEL_MODULE = """
import ctypes, os
MS_BIND = 0x1000
if ctypes.CDLL(None, use_errno=True).mount(b"/driver-root/proc/driver", b"/proc/driver", None, MS_BIND, None):
    raise OSError(ctypes.get_errno(), "mount")
"""


@pytest.fixture(scope="module", params=[None, "1.34"], ids=["1.37", "emulating-1.34"])
def cluster(
    request: pytest.FixtureRequest, images: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    with local_cluster(tmp_path_factory.mktemp("c"), images, {GATE: True}, request.param, gpus=GPUS) as started:
        yield started


@pytest.fixture(scope="module")
def driver(cluster: LocalCluster) -> Iterator[Driver]:
    with installed_driver(cluster) as installed:
        place = ("exec", "--stdin", f"daemonset/{RELEASE}", f"--namespace={NAMESPACE}")
        cluster.kubectl(*place, "--", "python3", "-", stdin=SHOW_KERNEL_MODULE)
        wait_for("MIG devices in ResourceSlices", lambda: LARGE in installed.gpus(), 60, installed.report)
        yield installed


def mig_claim(name: str, profile: str, capacity: Mapping[str, Any] | None = None) -> Object:
    """A claim for a MIG device of a profile: as much of it as `capacity` says, the whole of it where that is None."""
    selector = f'device.attributes["{DRIVER}"].profile == "{profile}"'
    exactly: Object = {"deviceClassName": f"mig.{DRIVER}", "selectors": [{"cel": {"expression": selector}}]}
    if capacity:
        exactly["capacity"] = {"requests": capacity}
    return new_object("ResourceClaim", name, {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}})


def device_of(workspace: Workspace, name: str) -> str:
    """The device that a claim was given."""
    (result,) = workspace.claim(name)["status"]["allocation"]["devices"]["results"]
    return str(result["device"])


def test_mig_devices_are_published_in_place_of_their_gpu(driver: Driver) -> None:
    gpus = driver.gpus()
    assert gpus.keys() == {LARGE, SMALL, WHOLE}
    large = gpus[LARGE]
    assert (large["capacity"]["cores"]["value"], large["capacity"]["memory"]["value"]) == ("100", "8Gi")
    assert large["attributes"]["parentUUID"] == {"string": GPUS[0].uuid}


def test_pods_share_mig_devices_and_each_gets_what_it_was_granted(workspace: Workspace, driver: Driver) -> None:
    wanted = {
        "large-a": ("3g.8gb", {"cores": 60, "memory": "5Gi"}),
        "large-b": ("3g.8gb", {"cores": 40, "memory": "3Gi"}),
        "small": ("1g.2gb", {"cores": 50, "memory": "1Gi"}),
    }
    for name, (profile, capacity) in wanted.items():
        workspace.create(mig_claim(name, profile, capacity), pod(name, "--stay", "show", claim=name))
    workspace.wait_until_ready(*wanted)
    assert [device_of(workspace, name) for name in wanted] == [LARGE, LARGE, SMALL]
    for name in wanted:
        limits = granted(driver, workspace.claim(name))
        assert memory_seen(workspace, name) == limits
        ((uuid, limit),) = limits.items()
        assert uuid.startswith("MIG-")
        assert allocate(workspace, name, uuid, limit) == "CUDA_SUCCESS"
        assert allocate(workspace, name, uuid, limit + 1) == "CUDA_ERROR_OUT_OF_MEMORY"
        nodes = "import os; print(len(os.listdir('/dev/nvidia-caps')))"
        assert workspace.python(name, nodes) == "2\n"
    workspace.create(mig_claim("late", "3g.8gb", {"cores": 1, "memory": "1Mi"}), pod("late", "show", claim="late"))
    workspace.wait_until_unschedulable("late")


def test_a_whole_mig_device_comes_without_a_library(workspace: Workspace, driver: Driver) -> None:
    workspace.create(mig_claim("whole", "1g.2gb"), pod("user", "--stay", "show", claim="whole"))
    workspace.wait_until_ready("user")
    assert device_of(workspace, "whole") == SMALL
    limits = granted(driver, workspace.claim("whole"))
    assert list(limits.values()) == [2048]
    assert memory_seen(workspace, "user") == limits
    assert workspace.python("user", "import os; print(os.path.exists('/etc/ld.so.preload'))") == "False\n"


def test_claims_for_gpus_do_not_land_on_mig_devices(workspace: Workspace) -> None:
    for number in range(3):
        name = f"gpu-{number}"
        workspace.create(claim(name, {"gpu": {"cores": 40, "memory": "1Gi"}}), pod(name, "--stay", "show", claim=name))
    workspace.wait_until_ready("gpu-0", "gpu-1")
    workspace.wait_until_unschedulable("gpu-2")
    assert [device_of(workspace, name) for name in ("gpu-0", "gpu-1")] == [WHOLE, WHOLE]


def test_another_layout_is_offered_and_used_without_a_restart(
    cluster: LocalCluster, workspace: Workspace, driver: Driver
) -> None:
    gpu_machine(cluster, GPUS).divide(GPUS[0].uuid, "3g.8gb", "2g.4gb")
    new = "hami-gpu-0-mig-2g4gb-3-0"
    wait_for("the new layout", lambda: driver.gpus().keys() == {LARGE, new, WHOLE}, 30, driver.report)
    workspace.create(mig_claim("new", "2g.4gb", {"memory": "3Gi"}), pod("user", "--stay", "show", claim="new"))
    workspace.wait_until_ready("user")
    assert memory_seen(workspace, "user") == granted(driver, workspace.claim("new"))
    assert driver.restarts() == 0
