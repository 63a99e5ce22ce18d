"""On a cluster without the feature gate the driver says what to switch on, and gives nothing rather than all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.build import REPOSITORY
from tests.e2e.cluster import Cluster, wait_for
from tests.e2e.clusters import GATE, installed_driver, local_cluster, new_workspace
from tests.e2e.driver import Driver
from tests.e2e.transcript import Transcript

EXAMPLE = REPOSITORY / "examples" / "first-light"


@pytest.fixture(scope="module")
def cluster(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose administrator has switched the gate off."""
    with local_cluster(tmp_path_factory.mktemp("c"), images, {GATE: False}) as started:
        yield started


@pytest.fixture(scope="module")
def driver(cluster: Cluster) -> Iterator[Driver]:
    with installed_driver(cluster) as installed:
        yield installed


def test_log_and_event_say_what_to_switch_on(cluster: Cluster, driver: Driver) -> None:
    wait_for(f"{GATE} in the log", lambda: GATE in driver.logs(), 30, driver.report)
    of_the_driver = "--field-selector=reason=FeatureGateOff,involvedObject.kind=Node"
    events = wait_for("an Event", lambda: cluster.get("events", of_the_driver)["items"], 30, driver.report)
    assert [GATE in event["message"] for event in events] == [True]


def test_nothing_is_offered_and_nothing_prepared(cluster: Cluster, driver: Driver, transcript: Transcript) -> None:
    with new_workspace(cluster, "gate-off") as workspace:
        workspace.apply(EXAMPLE / "claims.yaml")
        workspace.apply(EXAMPLE / "pod-0.yaml")
        workspace.wait_until_unschedulable("pod-0")
        transcript.tell(
            "A cluster without the feature gate DRAConsumableCapacity",
            "The driver offers no GPU, and says why in its log and in an Event on the node.",
        )
        transcript.show(workspace, "describe", "pod/pod-0")
        transcript.show(workspace, "events", "--all-namespaces", "--for=node/gpu-node", "--types=Warning")
        assert driver.gpus() == {}
        assert driver.leftovers() == []
