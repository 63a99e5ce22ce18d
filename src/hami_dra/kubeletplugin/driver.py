"""What a DRA driver gives to this library, and what the library asks of it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClaimRef:
    """A ResourceClaim as the kubelet names it: a reference, the allocation itself is in the API server.

    Each field is a name of letters, digits, `-`, `_` and `.` that begins with a letter or digit, so it can be part of
    a file name.
    """

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class PreparedDevice:
    """One allocation result of a claim, ready for containers.

    `requests` are the requests of the claim that it serves (a sub-request `a/b` is reported as `a`),
    `pool` and `device` name it as the ResourceSlice does, `cdi_device_ids` are fully qualified
    (`vendor/class=name`), `share_id` is the result's shareID where the device is shared.
    """

    requests: tuple[str, ...]
    pool: str
    device: str
    cdi_device_ids: tuple[str, ...]
    share_id: str | None = None


class ClaimError(Exception):
    """What is wrong with one claim and what to do; its text reaches the pod's event through the kubelet."""


class Driver(Protocol):
    """The driver's own half. The calls for one claim never overlap; those for different claims do.

    Both raise ClaimError for what a user can mend. Whatever they raise concerns their claim alone. When the kubelet's
    time for a call is nearly over, what still runs for it is cancelled, and the kubelet calls again later. When the
    kubelet hangs up before, it goes on.
    """

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        """Make a claim's devices usable; called again for a claim that is prepared already."""
        ...

    async def unprepare(self, claim: ClaimRef) -> None:
        """Undo `prepare`; the claim may be gone from the API server, or never have been prepared."""
        ...


class HealthStatus(Enum):
    """What is known of a device; the kubelet shows it in `allocatedResourcesStatus` of the pods that use it."""

    UNKNOWN = "Unknown"
    HEALTHY = "Healthy"
    UNHEALTHY = "Unhealthy"


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """How a device fared when it was looked at last.

    `pool` and `device` name it as the ResourceSlice does. The kubelet takes the status for unknown
    `timeout_seconds` after it has heard it (None: 30 s). It cuts `message` at 1024 characters.
    """

    pool: str
    device: str
    status: HealthStatus
    checked: datetime
    message: str = ""
    timeout_seconds: int | None = None


HealthSource = Callable[[], AsyncGenerator[Sequence[DeviceHealth], None]]
"""Called for each kubelet that watches. Yields the health of all devices: at first, at each change, and again before
the kubelet's patience (`timeout_seconds`) ends, since what is not repeated counts as unknown. It is closed when the
kubelet hangs up; where it raises or ends, the kubelet asks anew after 5 s."""
