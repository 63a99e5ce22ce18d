"""Shares of GPUs: the value, the folder that libvgpu.so obeys, and the CDI spec that brings it into a container."""

from .cdi import NodeEdits, claim_spec, device_id
from .claim_files import ClaimFiles
from .files import remove_tree
from .folder import LIMITS_FILE, REGION_FILE, DamagedRegionError, ShareFolders, shares_in
from .limits import Limits, LimitsError
from .names import DRIVER_NAME
from .region import ProcessUse, read_gpu_time, read_use
from .share import Access, ComputePolicy, Priority, Share
from .spec_files import SpecFiles

__all__ = [
    "DRIVER_NAME",
    "LIMITS_FILE",
    "REGION_FILE",
    "Access",
    "ClaimFiles",
    "ComputePolicy",
    "DamagedRegionError",
    "Limits",
    "LimitsError",
    "NodeEdits",
    "Priority",
    "ProcessUse",
    "Share",
    "ShareFolders",
    "SpecFiles",
    "claim_spec",
    "device_id",
    "read_gpu_time",
    "read_use",
    "remove_tree",
    "shares_in",
]
