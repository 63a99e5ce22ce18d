"""What the numbers of NVIDIA's XID errors mean for a GPU.

From the Xid catalogue for A100 and newer, https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html: the
column of the immediate action decides. RESTART_APP is the application's matter, IGNORE is news at most, and what wants
a GPU reset or a restart of the node makes the GPU unusable until then. Those of NVLink have an action for each of their
subcodes, which NVML does not tell: they are news here, and where a reset is wanted the driver's own word
(GPU_RECOVERY_ACTION) says so. The engines for video of Turing and older, unused since, are as in
https://docs.nvidia.com/deploy/xid-errors/archive/index.html.
"""

from dataclasses import dataclass
from enum import Enum


class XidKind(Enum):
    """What an XID says of the GPU."""

    APPLICATION = "application"
    """A program did wrong or was hit alone; the GPU works, and any tenant can bring this about."""
    NOTICE = "notice"
    """The GPU works; somebody may want to know."""
    UNUSABLE = "unusable"
    """The GPU does not work until it is reset or its node restarted."""


@dataclass(frozen=True, slots=True)
class Xid:
    """One entry of the catalogue."""

    kind: XidKind
    meaning: str


_COPY_ENGINES = (39, 40, 41, 69, 70, 71, 72, 75, 76, 77, 85, *range(126, 136))
_CODECS = (42, 47, 65, 68, 73, 82, 83, 84, 86, 88, 89, *range(96, 106), 139)

_APPLICATION = {
    8: "a channel did not go on",
    11: "invalid command in a program's push buffer",
    13: "graphics or compute engine exception",
    25: "illegal setting by a program",
    31: "memory page fault of a program",
    32: "corrupted push buffer",
    43: "a program's channel was reset",
    44: "fault while contexts were switched",
    45: "a program's channels were removed",
    60: "exception of the video security engine",
    80: "damaged data in a push buffer",
    94: "contained memory error: only the program that had the memory is hit",
    **dict.fromkeys(_COPY_ENGINES, "exception of an engine that a program used"),
    **dict.fromkeys(_CODECS, "exception of a video or image engine"),
}
_NOTICE = {
    14: "driver's test error",
    37: "driver firmware error",
    38: "driver firmware error",
    54: "auxiliary power is not connected as it should be",
    63: "a damaged row or page of memory will be replaced",
    66: "illegal access by a driver",
    67: "illegal access by a driver",
    74: "NVLink error",
    78: "a vGPU could not be started",
    92: "many corrected memory errors",
    93: "the GPU's permanent store is worn",
    106: "test message",
    107: "test message",
    108: "NVLink error on a remote side",
    121: "error on the link between CPU and GPU",
    137: "NVLink access error",
    141: "a program's channel was reset",
    142: "exception of a video engine",
    **dict.fromkeys(range(144, 151), "NVLink error"),
    152: "exception of the deep learning accelerator",
    153: "exception of the deep learning accelerator",
    154: "the driver changed what must be done for the GPU to work",
    157: "a damaged part of the GPU could not be replaced",
    159: "error on the link between CPU and GPU that follows from another",
    160: "a channel of memory was replaced",
    161: "a channel of memory could not be replaced",
    **dict.fromkeys(range(162, 166), "news of the circuits that smooth the GPU's power"),
}
_UNUSABLE = {
    46: "the GPU stopped",
    48: "uncorrectable memory error",
    62: "the GPU's power controller halted",
    64: "a damaged row or page of memory could not be replaced",
    79: "the GPU has fallen off the bus",
    95: "uncontained memory error: every program on the GPU may be hit",
    109: "contexts could not be switched in time",
    110: "security fault",
    119: "the GPU's system processor does not answer",
    120: "the GPU's system processor failed",
    136: "NVLink training failed",
    140: "unrecovered memory error",
    143: "the GPU could not be initialized",
    151: "error at the exchange of encryption keys",
    155: "NVLink error",
    156: "a damaged part of the GPU will be replaced by a reset",
    158: "the GPU did not answer in time",
    171: "uncorrectable error of the GPU's DRAM, as XID 48 tells too",
    172: "uncorrectable error of the GPU's SRAM, as XID 48 tells too",
}


def xid(number: int) -> Xid:
    """What an XID means; one that the catalogue gives no action for is taken for the worst."""
    for kind, meanings in (
        (XidKind.APPLICATION, _APPLICATION),
        (XidKind.NOTICE, _NOTICE),
        (XidKind.UNUSABLE, _UNUSABLE),
    ):
        if number in meanings:
            return Xid(kind, meanings[number])
    return Xid(XidKind.UNUSABLE, "not in the table of this version of the driver")
