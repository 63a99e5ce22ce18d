"""What pods are granted of the GPUs' memory, what they see of it, and what they get."""

from typing import Any

from tests.e2e.driver import Driver
from tests.e2e.workspace import Workspace


def granted(driver: Driver, *claims: dict[str, Any]) -> dict[str, int]:
    """MiB per GPU that the statuses of claims grant, all requests together."""
    sums: dict[str, int] = {}
    for claim in claims:
        for gpu, shares in driver.granted(claim).items():
            sums[gpu] = sums.get(gpu, 0) + sum(shares.values())
    return sums


def memory_seen(workspace: Workspace, pod: str, gpus: int = 1) -> dict[str, int]:
    """MiB per GPU that a pod's `gpu-client show` has printed, after all that tell of it were found to agree."""
    return _agreed(workspace.said(pod, gpus))


def memory_shown(workspace: Workspace, pod: str, container: str = "main") -> dict[str, int]:
    """The same, of a `gpu-client show` that is run now in one of a pod's containers."""
    return _agreed(workspace.ask(pod, "show", container=container))


def allocate(workspace: Workspace, pod: str, gpu: str, mib: int, container: str = "main") -> str:
    """CUDA's answer to a process of a pod that asks for memory."""
    (answer,) = workspace.ask(pod, "allocate", f"--gpu={gpu}", str(mib), container=container)
    return str(answer["result"])


def _agreed(lines: list[Any]) -> dict[str, int]:
    seen = {}
    for line in lines:
        assert len({line["cuda"]["total"], line["cuda"]["device total"], line["nvml"]["total"]}) == 1, line
        seen[line["gpu"]] = int(line["cuda"]["total"].removesuffix(" MiB"))
    return seen
