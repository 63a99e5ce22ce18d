"""What a claim's `status.devices` says of its shares: what each was given, and since when."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from hami_dra.kube import AllocatedDeviceStatus, Condition, Quantity
from hami_dra.shares import DRIVER_NAME, ComputePolicy, Share

from .share_config import API_VERSION

KIND = "ShareStatus"

_HOW_CORES_ARE_HELD: Mapping[ComputePolicy, str] = {
    "hard": "",
    "work-conserving": "; more cores while nobody else wants them",
    "off": "; nothing holds it to its cores",
}


def device_statuses(
    shares: Iterable[Share], before: Sequence[AllocatedDeviceStatus], now: datetime
) -> tuple[AllocatedDeviceStatus, ...]:
    """What to say of prepared shares. What was said `before` and is still so stays, with the time since when."""
    said = {(each.driver, each.pool, each.device, each.share_id): each for each in before}
    statuses = (_status(share, now) for share in shares)
    return tuple(_same_since(said.get((each.driver, each.pool, each.device, each.share_id)), each) for each in statuses)


def _status(share: Share, now: datetime) -> AllocatedDeviceStatus:
    ready = Condition(
        type="Ready",
        status="True",
        reason="Prepared",
        message=_in_words(share),
        last_transition_time=now.replace(microsecond=0),  # the API server keeps seconds
    )
    return AllocatedDeviceStatus(
        driver=DRIVER_NAME,
        pool=share.pool,
        device=share.device,
        share_id=share.share_id,
        conditions=(ready,),
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
    """A monitor has none, and cores are held of limited shares alone."""
    if share.access == "monitor":
        return {}
    amounts = {"cores": share.cores, "memory": str(Quantity(share.memory))}
    held = {"computePolicy": share.compute_policy, "priority": share.priority}
    return amounts | held if share.access == "limited" else amounts


def _same_since(before: AllocatedDeviceStatus | None, now: AllocatedDeviceStatus) -> AllocatedDeviceStatus:
    """What was said before where it differs in nothing but the time."""
    if before is None or before.data != now.data:
        return now
    same = [_timeless(each) for each in before.conditions or ()] == [_timeless(each) for each in now.conditions or ()]
    return before if same else now


def _timeless(condition: Condition) -> tuple[str, str, str, str]:
    return condition.type, condition.status, condition.reason, condition.message
