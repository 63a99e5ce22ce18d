"""How a GPU fares, as those who do not ask NVML themselves learn it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What NVML tells of one GPU; None where that does not know. One that is lost or hung tells nothing else.

    `uncorrected_errors` are those of ECC since the driver was loaded, `xids` those since the reading before. `parts`
    are the MIG devices in which it is divided, each by its UUID and its profile.
    """

    uuid: str
    is_lost: bool = False
    is_hung: bool = False
    uncorrected_errors: int | None = None
    remap_pending: bool | None = None
    remap_failed: bool | None = None
    recovery_action: int | None = None
    parts: tuple[tuple[str, str | None], ...] = ()
    xids: tuple[int, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether the GPU answers."""
        return not (self.is_lost or self.is_hung)
