"""What a DRA driver gives to this library, and what the library asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClaimRef:
    """A ResourceClaim as the kubelet names it: a reference, the allocation itself is in the API server."""

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

    Both raise ClaimError for what a user can mend. Whatever they raise concerns their claim alone.
    """

    async def prepare(self, claim: ClaimRef) -> Sequence[PreparedDevice]:
        """Make a claim's devices usable; called again for a claim that is prepared already."""
        ...

    async def unprepare(self, claim: ClaimRef) -> None:
        """Undo `prepare`; the claim may be gone from the API server, or never have been prepared."""
        ...
