"""Clusters with the driver installed, and a namespace for each test.

With KUBECONFIG set the tests run on that cluster, otherwise on clusters of their own: README.md tells of both.
"""

import json
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.image.build import build
from tests.e2e.client import build_client
from tests.e2e.cluster import Cluster, LocalCluster, wait_for
from tests.e2e.clusters import (
    EXISTING,
    GATE,
    LIMITING_DRIVER,
    OLDER_DRIVER,
    existing_cluster,
    gpu_machine,
    installed_driver,
    local_cluster,
    new_workspace,
)
from tests.e2e.driver import Driver
from tests.e2e.transcript import Transcript
from tests.e2e.workspace import Workspace
from tools.go_programs import CLUSTER_SOURCES, programs

# What the control plane behaves as, None being the version that it is, and the node's driver.
VERSIONS = {"1.37": (None, LIMITING_DRIVER), "emulating-1.34": ("1.34", OLDER_DRIVER)}


@pytest.fixture(scope="session")
def images(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Archives of the driver's image and of the pods'; the cluster's programs are built with them."""
    if EXISTING:
        pytest.skip("needs a cluster of its own, and KUBECONFIG names another")
    if os.geteuid() != 0:  # before much is built for nothing
        pytest.exit("a cluster of our own needs root; or set KUBECONFIG to use another", returncode=1)
    folder = tmp_path_factory.mktemp("images")
    # From cold this takes minutes and tells how far it is, which pytest would keep to itself.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        for source in CLUSTER_SOURCES:
            programs(source)
        return [build(folder / "driver.tar"), build_client(folder / "client.tar")]


@pytest.fixture(scope="session", params=["existing"] if EXISTING else VERSIONS)
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose one node has GPUs and both images."""
    if EXISTING:
        yield existing_cluster()
        return
    images = request.getfixturevalue("images")
    emulated, installed = VERSIONS[request.param]
    with local_cluster(tmp_path_factory.mktemp("c"), images, {GATE: True}, emulated, installed) as started:
        yield started


@pytest.fixture(scope="session")
def driver(cluster: Cluster) -> Iterator[Driver]:
    """The driver, installed there, its GPUs published."""
    with installed_driver(cluster) as installed:
        wait_for("the GPUs in ResourceSlices", installed.gpus, 30, installed.report)
        yield installed


@pytest.fixture
def workspace(cluster: Cluster, driver: Driver, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A namespace of the test's own; afterwards nothing of its claims may be left on the node."""
    with new_workspace(cluster, request.node.name) as made:
        yield made
    driver.wait_for_nothing_left()


@pytest.fixture
def break_gpu(cluster: Cluster) -> Iterator[Callable[..., None]]:
    """Lets faults happen to the second GPU, which is whole again afterwards."""
    if not isinstance(cluster, LocalCluster):
        pytest.skip("needs a machine whose GPUs can be broken")
    machine = gpu_machine(cluster)
    gpu = machine.gpus[1].uuid
    yield lambda *faults: machine.fault(gpu, *faults)
    machine.fault(gpu, "lost=0", "remap-pending=0", "reset=1")


@pytest.fixture
def knows_taints(cluster: Cluster) -> bool:
    """Whether the feature gates for taints and pods' device health are on, which they are by default from 1.36."""
    version = json.loads(cluster.kubectl("get", "--raw=/version"))
    return int(version.get("emulationMinor") or version["minor"]) >= 36


@pytest.fixture(scope="session")
def transcript(request: pytest.FixtureRequest) -> Iterator[Transcript]:
    """What is told to people; it is written to docs/ if that was asked for and everything went as it should."""
    told = Transcript()
    yield told
    if request.config.getoption("--write-docs") and not request.session.testsfailed:
        told.write()


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make describe` says."""
    parser.addoption("--write-docs", action="store_true", help="write docs/describe.md from what kubectl tells")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add to a failed test's report what the cluster says about it."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, fixture in item.funcargs.items():
            if isinstance(fixture, Driver | Workspace):
                report.sections.append((name, fixture.report()))
    return report
