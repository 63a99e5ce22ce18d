"""Shares of a GPU's time, between containers that have nothing in common but the files of its turns."""

from tests.e2e.driver import Driver
from tests.e2e.memory import granted
from tests.e2e.objects import claim, pod
from tests.e2e.workspace import Workspace

PARTS = {"small": 30, "large": 60}
SECONDS = 10


def test_pods_on_one_gpu_get_their_parts_of_its_time(workspace: Workspace, driver: Driver) -> None:
    workspace.create(
        *(claim(name, {"gpu": {"cores": cores, "memory": "1Gi"}}) for name, cores in PARTS.items()),
        *(pod(name, "--stay", "work", str(SECONDS), claim=name) for name in PARTS),
    )
    workspace.wait_until_ready(*PARTS)
    gpus = [granted(driver, workspace.claim(name)).keys() for name in PARTS]
    assert gpus[0] == gpus[1]
    had = {name: workspace.said(name)[0]["percent"] for name in PARTS}
    # How much more than half of it each gets depends on what else the machine does.
    assert all(cores / 2 < had[name] < cores + 3 for name, cores in PARTS.items()), had
    seconds = driver.metric("hami_dra_share_gpu_time_seconds")
    for name, part in had.items():
        assert 0.8 < seconds[f"{name}/gpu"] / (part / 100 * SECONDS) < 1.5, (seconds, had)
