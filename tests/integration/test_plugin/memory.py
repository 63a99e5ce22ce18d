"""What is to be seen of who holds the memory of claims, and how a claim asks for it."""

import asyncio

import pytest

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.local.apiserver.kinds import RESOURCE_CLAIM
from hami_dra.sim import SimulatedDriver
from tests.integration.test_plugin.node import DRIVER, Node
from tests.integration.test_plugin.runtime import RuntimeContainer

LIMITING, OLDER = SimulatedDriver(version="615.71.09"), SimulatedDriver(version="580.65.06")
LIMITING_BY_DMEM = SimulatedDriver(version=LIMITING.version, limits_backend="dmem")
TOO_MUCH = "cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY"

on_both_backends = pytest.mark.parametrize("driver", [LIMITING, LIMITING_BY_DMEM], ids=["misc", "dmem"])
on_older_driver = pytest.mark.parametrize("driver", [OLDER], ids=["older"])


def wants(enforcement: str) -> DeviceAllocationConfiguration:
    """A claim's parameter on who is to hold its memory."""
    parameters = {
        "apiVersion": "hami.project-hami.io/v1alpha1",
        "kind": "ShareConfig",
        "memoryEnforcement": enforcement,
    }
    return DeviceAllocationConfiguration(
        source="FromClaim", opaque=OpaqueDeviceConfiguration(driver=DRIVER, parameters=parameters)
    )


def condition(node: Node, claim: ClaimRef) -> tuple[str, str]:
    """How it stands with the memory of a claim's first share: status and reason of its condition."""
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)["status"]
    for device in found.get("devices", ()):
        for each in device["conditions"]:
            if each["type"] == "MemoryLimited":
                return each["status"], each["reason"]
    return "", ""


def told(node: Node, reason: str) -> list[tuple[str, str]]:
    """What Events of a reason are about, and what they say."""
    return [(each["involvedObject"]["kind"], each["message"]) for each in node.events() if each["reason"] == reason]


async def sample(node: Node, name: str) -> float:
    """The value of a metric's only row."""
    (line,) = (each for each in (await node.get("/metrics")).splitlines() if each.startswith(f"hami_dra_{name}{{"))
    return float(line.split()[-1])


async def seen(node: Node, container: RuntimeContainer, is_seen: bool = True) -> None:
    """Wait until the guard has seen a container, or that it is no more."""
    async with asyncio.timeout(20):
        while (f'container_id="{container.id}"' in await node.get("/metrics")) != is_seen:
            await asyncio.sleep(0.05)


def noted(node: Node) -> set[str]:
    """The containers that are noted in share folders."""
    return {path.name for path in node.shares_dir.glob("*/containers/*")}
