"""How the tests come by a cluster with GPUs, the driver installed on it, and a namespace."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.image.build import IMAGE
from hami_dra.sim import Machine, SimulatedDriver, SimulatedGpu, create_machine, simulated_gpus
from tests.e2e.client import CLIENT_IMAGE
from tests.e2e.cluster import Cluster, Failed, LocalCluster
from tests.e2e.driver import Driver
from tests.e2e.objects import bare_pod
from tests.e2e.workspace import Workspace

EXISTING = bool(os.environ.get("KUBECONFIG"))
GATE = "DRAConsumableCapacity"
LIMITING_DRIVER = "615.71.09"  # holds memory limits by itself
OLDER_DRIVER = SimulatedDriver.version
TWO_GPUS = simulated_gpus(2, memory_bytes=16 * 2**30)


@contextmanager
def local_cluster(
    home: Path,
    images: Sequence[Path],
    gates: Mapping[str, bool],
    emulated_version: str | None = None,
    driver_version: str = OLDER_DRIVER,
    gpus: Sequence[SimulatedGpu] = TWO_GPUS,
) -> Iterator[LocalCluster]:
    """A cluster on this machine with simulated GPUs and `images`; all of it goes at the end."""
    cluster = LocalCluster(home)
    create_machine(driver_root(cluster), gpus, SimulatedDriver(driver_version))
    try:
        cluster.up(gates, emulated_version)
        for image in images:
            cluster.load_image(image)
        yield cluster
    finally:
        cluster.down()
        shutil.rmtree(home)


def existing_cluster() -> Cluster:
    """The cluster of KUBECONFIG; raises Failed, with what to do, when the tests cannot run there."""
    cluster = Cluster()
    nodes = cluster.get("nodes")["items"]
    if len(nodes) != 1:
        raise Failed(f"these tests look at one node, and the cluster of KUBECONFIG has {len(nodes)}")
    images = (IMAGE, CLIENT_IMAGE)
    containers = [
        {"name": f"image-{number}", "image": image, "imagePullPolicy": "Never", "command": ["python3", "-c", ""]}
        for number, image in enumerate(images)
    ]
    with new_workspace(cluster, "images") as workspace:
        workspace.create(bare_pod("images", containers))
        try:
            workspace.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=20s", "pod/images")
        except Failed:
            raise Failed(f"the node lacks one of the images {', '.join(images)}: import them first") from None
    return cluster


def driver_root(cluster: Cluster) -> Path:
    """Where the node has its GPUs' driver."""
    if isinstance(cluster, LocalCluster):
        return cluster.home / "driver-root"
    return Path(os.environ.get("E2E_DRIVER_ROOT", "/"))


def gpu_machine(cluster: LocalCluster, gpus: Sequence[SimulatedGpu] = TWO_GPUS) -> Machine:
    """The simulated machine that a cluster's node is, with the GPUs that it was started with."""
    return Machine(driver_root(cluster), tuple(gpus))


@contextmanager
def installed_driver(cluster: Cluster) -> Iterator[Driver]:
    """The driver, installed on a cluster."""
    driver = Driver(cluster)
    try:
        driver.install(str(driver_root(cluster)))
        yield driver
    finally:
        driver.uninstall()


@contextmanager
def new_workspace(cluster: Cluster, title: str) -> Iterator[Workspace]:
    """A namespace of its own, named after `title`."""
    words = "".join(character if character.isalnum() else "-" for character in title.lower())
    namespace = f"{words[:50].strip('-')}-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", namespace)
    workspace = Workspace(cluster, namespace)
    try:
        yield workspace
    finally:
        workspace.delete_pods()
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")
