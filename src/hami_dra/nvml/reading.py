"""How a GPU fares, as those who do not ask NVML themselves learn it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What NVML tells of one GPU; None where that does not know.

    `uncorrected_errors` are those of ECC since the driver was loaded, `xids` those since the reading before. `parts`
    are the MIG devices in which it is divided, each by its UUID and its profile.
    """

    uuid: str
    is_lost: bool = False
    uncorrected_errors: int | None = None
    remap_pending: bool | None = None
    remap_failed: bool | None = None
    recovery_action: int | None = None
    parts: tuple[tuple[str, str | None], ...] = ()
    xids: tuple[int, ...] = ()
