"""Shares of GPUs: the value, the folder that libvgpu.so obeys, and the CDI spec that brings it into a container."""

from .cdi import HOOK, NodeEdits, claim_spec, device_id
from .claim_files import ClaimFiles
from .containers import Container, NotedShare, containers, containers_of, noted_shares
from .files import remove_tree
from .folder import REGION_FILE, DamagedRegionError, ShareFolders, shares_in
from .limits import Limits, LimitsError
from .names import DRIVER_NAME
from .notes import CONTAINERS_DIR, ContainerNote, remove_note
from .region import ProcessUse, read_gpu_time, read_use
from .share import Access, ComputePolicy, MemoryEnforcement, Priority, Share
from .spec_files import SpecFiles

__all__ = [
    "CONTAINERS_DIR",
    "DRIVER_NAME",
    "HOOK",
    "REGION_FILE",
    "Access",
    "ClaimFiles",
    "ComputePolicy",
    "Container",
    "ContainerNote",
    "DamagedRegionError",
    "Limits",
    "LimitsError",
    "MemoryEnforcement",
    "NodeEdits",
    "NotedShare",
    "Priority",
    "ProcessUse",
    "Share",
    "ShareFolders",
    "SpecFiles",
    "claim_spec",
    "containers",
    "containers_of",
    "device_id",
    "noted_shares",
    "read_gpu_time",
    "read_use",
    "remove_note",
    "remove_tree",
    "shares_in",
]
