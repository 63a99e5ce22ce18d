"""Who holds a share to its memory: what the node's administrator and the claim want, and what can be had."""

from typing import Literal, get_args

from hami_dra.gpu import Gpu
from hami_dra.kubeletplugin import ClaimError
from hami_dra.shares import DRIVER_NAME, MemoryEnforcement

Wanted = Literal["auto", "driver", "library"]
"""`driver` is the driver's own limit beside libvgpu.so or nothing, `auto` the same where it can be had."""
WANTED: tuple[Wanted, ...] = get_args(Wanted)

SWITCHED_OFF = "this node's plugin was started with --memory-enforcement=library"


def enforcement_of(gpu: Gpu, by_node: Wanted, by_claim: Wanted | None) -> MemoryEnforcement:
    """Who is to hold a share of a GPU to its memory. Raises ClaimError where what is required cannot be had.

    What the node requires, a claim cannot lower; a claim may require more.
    """
    if by_node == "driver" and by_claim == "library":
        raise ClaimError(
            "parameters say memoryEnforcement library, and this node requires driver (--memory-enforcement): "
            "leave it out of the claim and its class"
        )
    wanted = by_node if by_claim in (None, "auto") else by_claim
    if wanted == "driver" and gpu.limit_obstacle:
        asked = "parameters say memoryEnforcement driver" if by_claim == "driver" else "this node requires it"
        raise ClaimError(
            f"the driver cannot hold the memory limit on {gpu.uuid}, and {asked}: {gpu.limit_obstacle}. To be given "
            f'GPUs where it can, add to the request the CEL selector device.attributes["{DRIVER_NAME}"]'
            '.memoryEnforcement == "driver"'
        )
    return "library" if wanted == "library" else gpu.memory_enforcement
