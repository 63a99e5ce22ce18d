"""What a claim's `status.devices` says of its shares: what each was given, and since when."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec.structs import replace

from hami_dra.kube import AllocatedDeviceStatus, Condition, Quantity
from hami_dra.shares import DRIVER_NAME, ComputePolicy, Share

from .share_config import API_VERSION
from .share_memory import ShareMemory

KIND = "ShareStatus"

_HOW_CORES_ARE_HELD: Mapping[ComputePolicy, str] = {
    "hard": "",
    "work-conserving": "; more cores while nobody else wants them",
    "off": "; nothing holds it to its cores",
}


def device_statuses(
    shares: Iterable[Share],
    before: Sequence[AllocatedDeviceStatus],
    now: datetime,
    memory_of: Callable[[Share], ShareMemory],
    ailment_of: Callable[[str], str],
) -> tuple[AllocatedDeviceStatus, ...]:
    """What to say of prepared shares. What was said `before` and is still so stays, with the time since when.

    `memory_of` knows how it stands with the memory of a share, `ailment_of` why a GPU (by UUID) is not usable.
    """
    said = {(each.driver, each.pool, each.device, each.share_id): each for each in before}
    statuses = (_status(share, now, memory_of(share), ailment_of(share.gpu_uuid)) for share in shares)
    return tuple(_same_since(said.get((each.driver, each.pool, each.device, each.share_id)), each) for each in statuses)


def _status(share: Share, now: datetime, memory: ShareMemory, ailment: str) -> AllocatedDeviceStatus:
    since = now.replace(microsecond=0)  # the API server keeps seconds
    ready = Condition("Ready", "True", "Prepared", _in_words(share), since)
    if ailment:
        ready = Condition("Ready", "False", "GpuUnusable", f"{_in_words(share)}, but {ailment}", since)
    conditions = [ready]
    if share.access == "limited":
        status: Literal["True", "False"] = "True" if memory.is_held else "False"
        conditions.append(Condition("MemoryLimited", status, memory.reason, memory.message, since))
    return AllocatedDeviceStatus(
        driver=DRIVER_NAME,
        pool=share.pool,
        device=share.device,
        share_id=share.share_id,
        conditions=tuple(conditions),
        data={"apiVersion": API_VERSION, "kind": KIND, "gpuUUID": share.gpu_uuid, "access": share.access}
        | _amounts(share),
    )


def _in_words(share: Share) -> str:
    match share.access:
        case "limited":
            return (
                f"{Quantity(share.memory)} of the memory and {share.cores} % of the cores of {share.gpu_uuid}"
                + _HOW_CORES_ARE_HELD[share.compute_policy]
            )
        case "whole":
            return f"all of {share.gpu_uuid}"
        case "monitor":
            return f"a view of {share.gpu_uuid}, of which nothing is held"


def _amounts(share: Share) -> dict[str, Any]:
    """A monitor has none, and only limited shares are held to theirs."""
    if share.access == "monitor":
        return {}
    amounts = {"cores": share.cores, "memory": str(Quantity(share.memory))}
    held = {
        "computePolicy": share.compute_policy,
        "priority": share.priority,
        "memoryEnforcement": share.memory_enforcement,
    }
    return amounts | held if share.access == "limited" else amounts


def _same_since(before: AllocatedDeviceStatus | None, now: AllocatedDeviceStatus) -> AllocatedDeviceStatus:
    """Conditions that were the same before keep the time since when."""
    said = {_timeless(each): each for each in before.conditions or ()} if before else {}
    return replace(now, conditions=tuple(said.get(_timeless(each), each) for each in now.conditions or ()))


def _timeless(condition: Condition) -> tuple[str, str, str, str]:
    return condition.type, condition.status, condition.reason, condition.message
