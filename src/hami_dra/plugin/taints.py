"""What is wrong with GPUs as the scheduler is told it: taints of devices, or devices held back where there are none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from hami_dra.gpu import Finding
from hami_dra.kube import Device, DeviceTaint
from hami_dra.shares import DRIVER_NAME

UNUSABLE = f"{DRIVER_NAME}/unusable"
NOTICE = f"{DRIVER_NAME}/notice"


def taints_of(findings: Sequence[Finding]) -> tuple[DeviceTaint, ...]:
    """A GPU's taints as of now: one that keeps new claims off, one that only tells; each says its worst cause."""
    now = datetime.now(UTC).replace(microsecond=0)
    unusable = [finding.cause for finding in findings if not finding.is_usable]
    notices = [finding.cause for finding in findings if finding.is_usable]
    return (
        *(DeviceTaint(UNUSABLE, "NoSchedule", value=cause, time_added=now) for cause in unusable[:1]),
        *(DeviceTaint(NOTICE, "None", value=cause, time_added=now) for cause in notices[:1]),
    )


def offers(devices: Iterable[Device], is_in_use: Callable[[Device], bool]) -> Iterator[tuple[Device, ...]]:
    """What to publish, best first, where the cluster may not know the effect `None` (1.34), or no taints at all.

    Without taints unusable devices are held back, but for those that claims use: those would be shown as gone.
    """
    best = tuple(devices)
    yield best
    without_notices = tuple(
        replace(device, taints=tuple(taint for taint in device.taints if taint.effect != "None")) for device in best
    )
    if without_notices != best:
        yield without_notices
    if any(device.taints for device in without_notices):
        yield tuple(replace(device, taints=()) for device in without_notices if not device.taints or is_in_use(device))
