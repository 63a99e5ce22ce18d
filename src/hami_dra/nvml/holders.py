"""Which container may have how much of a GPU, and what was found: what is said between plugin and the NVML process."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Holder:
    """A container on a GPU by its cgroup; `limit` is what the driver is to hold it to, None where it is not to."""

    gpu_uuid: str
    cgroup: str
    limit: int | None


Limited = Literal["kept", "repaired", "missing", "not asked"]
"""Of the driver's limit: it was as it should be, is so again, could not be set, or is not wanted."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What was found of a holder: how much of the GPU it uses by the driver's word, None where that does not tell.

    `found` is the limit that was there where it had to be `repaired`, None where there was none; `problem` says why it
    is `missing`.
    """

    gpu_uuid: str
    cgroup: str
    limited: Limited
    used: int | None = None
    found: int | None = None
    problem: str = ""
