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

_READY = "Ready"
_MEMORY_LIMITED = "MemoryLimited"
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
    ailment_of: Callable[[str], str | None],
) -> tuple[AllocatedDeviceStatus, ...]:
    """What to say of prepared shares. What was said `before` and is still so stays, with the time since when.

    `memory_of` knows how it stands with the memory of a share, `ailment_of` why a GPU (by UUID) is not usable:
    empty where it is, None where that is not known now, so that what was said of it stays.
    """
    since = now.replace(microsecond=0)  # the API server keeps seconds

    def status(share: Share) -> AllocatedDeviceStatus:
        ready = _ready(share, since, ailment_of(share.gpu_uuid), readiness(before, share))
        return _same_since(_entry(before, share), _status(share, since, ready, memory_of(share)))

    return tuple(map(status, shares))


def readiness(said: Iterable[AllocatedDeviceStatus], share: Share) -> Condition | None:
    """The condition Ready of a share in a claim's `status.devices`."""
    return _condition(said, share, _READY)


def limitedness(said: Iterable[AllocatedDeviceStatus], share: Share) -> Condition | None:
    """The condition MemoryLimited of a share in a claim's `status.devices`."""
    return _condition(said, share, _MEMORY_LIMITED)


def _condition(said: Iterable[AllocatedDeviceStatus], share: Share, type_: str) -> Condition | None:
    entry = _entry(said, share)
    conditions = entry.conditions or () if entry else ()
    return next((each for each in conditions if each.type == type_), None)


def _entry(said: Iterable[AllocatedDeviceStatus], share: Share) -> AllocatedDeviceStatus | None:
    wanted = (DRIVER_NAME, share.pool, share.device, share.share_id)
    return next((each for each in said if (each.driver, each.pool, each.device, each.share_id) == wanted), None)


def _ready(share: Share, since: datetime, ailment: str | None, before: Condition | None) -> Condition:
    if ailment is None and before and before.status == "False":
        return before
    if ailment:
        return Condition(_READY, "False", "GpuUnusable", f"{_in_words(share)}, but {ailment}", since)
    return Condition(_READY, "True", "Prepared", _in_words(share), since)


def _status(share: Share, since: datetime, ready: Condition, memory: ShareMemory) -> AllocatedDeviceStatus:
    conditions = [ready]
    if share.access == "limited":
        status: Literal["True", "False"] = "True" if memory.is_held else "False"
        conditions.append(Condition(_MEMORY_LIMITED, status, memory.reason, memory.message, since))
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
