"""Whatever dies or restarts beside them, pods start, keep their limits, and leave nothing behind."""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tests.e2e.cluster import LocalCluster, wait_for
from tests.e2e.clusters import GATE, driver_root, installed_driver, local_cluster
from tests.e2e.driver import Driver
from tests.e2e.memory import granted, memory_shown
from tests.e2e.objects import bare_pod, claim, container, job, pod, pod_claim, template
from tests.e2e.workspace import Workspace

STAY = ("--stay", "show")
TENTH = {"gpu": {"cores": 10, "memory": "1Gi"}}
LONGEST_LIFE = 6.0  # seconds
MOST_KILLS = 40  # then the pods that still wait come to run without the wait that each failure costs them


@pytest.fixture(scope="module")
def cluster(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster that nobody else minds to see fall."""
    with local_cluster(tmp_path_factory.mktemp("c"), images, {GATE: True}) as started:
        yield started


@pytest.fixture(scope="module")
def driver(cluster: LocalCluster) -> Iterator[Driver]:
    """The driver; when it is uninstalled it may leave nothing but what it installed for containers."""
    with installed_driver(cluster) as installed:
        wait_for("the GPUs in ResourceSlices", installed.gpus, 30, installed.report)
        yield installed
    folders = ("/run/hami-dra/shares", "/var/run/cdi", "/var/lib/kubelet/plugins", "/var/lib/kubelet/plugins_registry")
    # A file that is locked must not be deleted: who comes next would lock another of its name.
    assert cluster.run("find", *folders, "-not", "-type", "d", "-not", "-name", "*.lock").split() == []
    assert cluster.attempt("pgrep", "--list-full", "--full", "hami-dra-plugin|gpu-client").startswith("pgrep")


def test_pods_start_while_the_driver_is_upgraded(workspace: Workspace, driver: Driver) -> None:
    workspace.create(template("tenth", TENTH), pod("resident", *STAY, template="tenth"))
    workspace.wait_until_ready("resident")
    workspace.create(job("starts", 30, 6, "limit", "1024", template="tenth"))
    for level in ("info", "debug"):
        before = driver.pod()
        driver.upgrade(logLevel=level)
        assert driver.pod() != before
    workspace.wait_until_complete("starts", 240)
    assert workspace.events("FailedPrepareDynamicResources") == []
    assert list(memory_shown(workspace, "resident").values()) == [1024]


def test_200_pods_start_while_the_driver_is_killed(workspace: Workspace, driver: Driver) -> None:
    # A hundred at once: the kubelet repeats a call that failed after 10 to 15 s, which would add up for few.
    crumb = {"gpu": {"cores": 1, "memory": "128Mi"}}
    workspace.create(template("crumb", crumb), job("starts", 200, 100, "limit", "128", template="crumb"))
    with ThreadPoolExecutor(1) as executor:
        complete = executor.submit(workspace.wait_until_complete, "starts", 900)
        kills = _kill_until(complete, driver)
        complete.result()
    print(f"{kills} kills during 200 starts")
    assert kills >= 10
    assert driver.restarts() >= 10
    driver.wait_until_ready()


def _kill_until(complete: "Future[None]", driver: Driver) -> int:
    """Kill the plugin again and again, now while it starts and now while it serves; returns how often."""
    moments = random.Random(6)
    kills = 0
    while not complete.done() and kills < MOST_KILLS:
        if kills % 3 != 0:  # if it were always killed at its start, no pod would ever come to run
            wait_for("the driver", lambda: driver.is_ready() or complete.done(), 60, driver.report)
        wait([complete], timeout=moments.uniform(0, LONGEST_LIFE))
        kills += driver.kill()
    return kills


def test_kubelet_restart(cluster: LocalCluster, workspace: Workspace, driver: Driver) -> None:
    workspace.create(template("tenth", TENTH), pod("before", *STAY, template="tenth"))
    workspace.wait_until_ready("before")
    cluster.restart("kubelet")
    # A starting kubelet deletes the slices of its node's drivers until they register anew.
    workspace.create(pod("after", *STAY, template="tenth"))
    workspace.wait_until_ready("before", "after")
    for name in ("before", "after"):
        assert list(memory_shown(workspace, name).values()) == [1024]
    assert workspace.restarts("before") == 0


def test_driver_is_uninstalled_under_a_pod_and_installed_again(
    cluster: LocalCluster, workspace: Workspace, driver: Driver
) -> None:
    workspace.create(template("tenth", TENTH), *(pod(name, *STAY, template="tenth") for name in ("leaving", "staying")))
    workspace.wait_until_ready("leaving", "staying")
    driver.uninstall()
    assert list(memory_shown(workspace, "staying").values()) == [1024]
    workspace.kubectl("delete", "pod", "leaving", "--wait=false")  # it waits for somebody to unprepare its claim
    driver.install(str(driver_root(cluster)))
    workspace.kubectl("wait", "--for=delete", "--timeout=90s", "pod/leaving")
    assert list(memory_shown(workspace, "staying").values()) == [1024]


def test_node_power_loss(cluster: LocalCluster, workspace: Workspace, driver: Driver) -> None:
    two = {"small": {"cores": 10, "memory": "2Gi"}, "large": {"cores": 10, "memory": "3Gi"}}
    workspace.create(
        claim("shared", TENTH),
        claim("pair", two, different_gpus=True),
        *(pod(name, *STAY, claim="shared", restartPolicy="Always") for name in ("sharer-1", "sharer-2")),
        bare_pod(
            "two-claims",
            [container("main", *STAY, claims=["one", "two"]), container("part", *STAY, claims=["two/small"])],
            resourceClaims=[pod_claim("one", claim="shared"), pod_claim("two", claim="pair")],
            restartPolicy="Always",
        ),
    )
    pods = ("sharer-1", "sharer-2", "two-claims")
    workspace.wait_until_ready(*pods)
    shared, pair = workspace.claim("shared"), workspace.claim("pair")
    cluster.down()
    cluster.up({GATE: True})
    wait_for(
        "pods after the power loss",
        lambda: all(workspace.restarts(name) > 0 for name in pods),
        120,
        workspace.report,
    )
    workspace.wait_until_ready(*pods)
    for name in ("sharer-1", "sharer-2"):
        assert memory_shown(workspace, name) == granted(driver, shared)
    assert memory_shown(workspace, "two-claims") == granted(driver, shared, pair)
    assert list(memory_shown(workspace, "two-claims", "part").values()) == [2048]
