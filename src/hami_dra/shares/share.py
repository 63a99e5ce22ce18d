"""The Share: what one allocation result of a claim grants on one GPU."""

from typing import Literal

import msgspec

Access = Literal["limited", "whole", "monitor"]
"""How a share's containers may use the GPU: within limits, as if it were theirs alone, or to look on (adminAccess)."""

ComputePolicy = Literal["hard", "work-conserving", "off"]
"""How `cores` are held: always, only while others on the GPU want theirs, or not at all."""

Priority = Literal["high", "low"]
"""Whose work goes first where shares of a GPU want it at the same time."""

MemoryEnforcement = Literal["driver", "library"]
"""Who holds a share's containers to their memory: NVIDIA's driver beside libvgpu.so, or libvgpu.so alone."""


class Share(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A claim's part of one GPU. A claim is a list of shares; two of them may lie on the same GPU.

    `cores` is percent of the GPU's time, 1 to 100; `memory` is bytes; both are 0 for a monitor, which is not counted.
    `request` is as the allocation names it, `main/sub` where an alternative was taken. `log_level` is libvgpu.so's, its
    own default where None. `memory` is what was granted: what it may use of that stands in the folder's `limits`. Its
    JSON form is the share folder's `share.json`; one of an earlier version lacks what has a default here.
    """

    claim_namespace: str
    claim_name: str
    claim_uid: str
    request: str
    share_id: str
    pool: str
    device: str
    gpu_uuid: str
    cores: int
    memory: int
    access: Access = "limited"
    log_level: int | None = None
    compute_policy: ComputePolicy = "hard"
    priority: Priority = "low"
    memory_enforcement: MemoryEnforcement = "library"

    @property
    def name(self) -> str:
        """The name of its CDI device and of its folder, never used again for another share."""
        return f"{self.claim_uid}-{self.share_id}"
