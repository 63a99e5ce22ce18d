"""Nodes whose plugins can be disturbed, and a line that says at how many points they were."""

import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hami_dra.gpu.programs import nvml_program
from hami_dra.kube import KubeClient
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.kubelet import Kubelet
from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.integration.test_crash_points.fragile import FragileNode
from tests.integration.test_crash_points.nursery import Nursery
from tests.integration.test_crash_points.plan import Plan
from tests.integration.test_plugin.node import GIB, NAME

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "tests/native/plugin"
BUILT = ROOT / "build/tests/plugin"


@pytest.fixture(scope="session")
def library() -> Path:
    """What is preloaded into plugins; compiled by whichever worker comes first."""
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compiler = f"ZIGCC={sys.executable} -m ziglang cc"
        made = subprocess.run(["make", "-s", "-C", SOURCES, f"OUT={BUILT}", compiler], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return BUILT / "libeffects.so"


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """What the plugins of all tests obey."""
    return Plan(tmp_path_factory.mktemp("plan") / "plan")


@pytest.fixture(scope="session")
def inventory_reader(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Path:
    """Says what the plugin's own program says of the machine's GPUs, without the start of Python that this takes."""
    folder = tmp_path_factory.mktemp("inventory")
    asked = subprocess.run(nvml_program("inventory", machine.root), capture_output=True, check=True)
    (folder / "answer").write_bytes(asked.stdout)
    (folder / "reader").write_text(f"#!/bin/sh\nexec /bin/cat '{folder}/answer'\n")
    (folder / "reader").chmod(0o755)
    return folder / "reader"


@pytest.fixture(scope="session")
def nursery(library: Path, plan: Plan, inventory_reader: Path) -> Iterator[Nursery]:
    """Where the plugins of all tests come from."""
    environment = os.environ | {"PATH": "/nonexistent", "LD_PRELOAD": str(library), "EFFECTS_PLAN": str(plan.path)}
    nursery = Nursery(environment, inventory_reader)
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A simulated machine with two GPUs."""
    return create_machine(tmp_path_factory.mktemp("machine"), simulated_gpus(2, memory_bytes=16 * GIB))


@pytest.fixture
async def node(
    tmp_path_factory: pytest.TempPathFactory, machine: Machine, nursery: Nursery, plan: Plan
) -> AsyncIterator[FragileNode]:
    """A node on which the plugin has not been started."""
    folder = tmp_path_factory.mktemp("node")  # paths of sockets must be short, and test names are long
    registry = folder / "registry"
    registry.mkdir()
    async with ApiServer() as api, KubeClient.from_url(api.url) as kube, Kubelet(registry) as kubelet:
        api.add_node(NAME)
        node = FragileNode(folder, machine, api, kube, kubelet, nursery=nursery, plan=plan)
        try:
            yield node
        finally:
            plan.disarm()
            await node.end()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at how many points plugins were killed, and how many of their effects failed."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    for what in ("killed at", "failed"):
        points = {
            report.nodeid.partition("[")[2].rstrip("]"): value
            for report in reports
            for name, value in report.user_properties
            if name == what
        }
        if points:
            each = ", ".join(f"{scene} {count}" for scene, count in points.items())
            terminalreporter.write_line(f"effects of the plugin {what}: {sum(points.values())} ({each})")
