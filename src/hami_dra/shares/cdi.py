"""The CDI spec of a claim: what its containers get of each share, joined to what makes the GPU itself visible."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .folder import METADATA_FILE, REGION_FILE
from .names import DRIVER_NAME, TURNS_FOLDER
from .share import ComputePolicy, Priority, Share
from .turns import turns_name

KIND = f"{DRIVER_NAME}/share"

LIBRARY_IN_CONTAINER = "/usr/local/vgpu/libvgpu.so"
PRELOAD_IN_CONTAINER = "/etc/ld.so.preload"
SHARES_IN_CONTAINER = "/run/hami-dra/shares"
TURNS_IN_CONTAINER = f"/run/hami-dra/{TURNS_FOLDER}"
ALL_SHARES_IN_CONTAINER = "/run/hami-dra/node/shares"  # elsewhere, so that libvgpu.so takes nobody's share for its own

Edits = Mapping[str, Any]
"""A `containerEdits` object, in CDI's own field names: NVIDIA's pass through whatever fields they have."""

HOOK = "hami-dra-oci-hook"
_HOOK_SECONDS = 10  # until the runtime ends it; it gives up by itself before, and says why

_OLDEST_VERSION = "0.5.0"  # since then a device's name may start with a digit, as a claim's UID may
_MIB = 2**20
_UPSTREAM_POLICY: Mapping[ComputePolicy, str] = {"hard": "FORCE", "work-conserving": "DEFAULT", "off": "DISABLE"}
_UPSTREAM_PRIORITY: Mapping[Priority, int] = {"high": 0, "low": 1}
_READ_ONLY = ("ro", "nosuid", "nodev", "rbind", "rprivate")
_WRITABLE = ("rw", "nosuid", "nodev", "noexec", "rbind", "rprivate")


@dataclass(frozen=True, slots=True)
class NodeEdits:
    """What the specs of all claims on a node have in common.

    `version`, `common` and `by_gpu` (by UUID, in the order in which containers see the GPUs) make GPUs visible;
    `library`, `preload` and `shares` are the host's paths of libvgpu.so, ld.so.preload and the share folders, `hook`
    and `nvml` those of hami-dra-oci-hook and of the driver's libnvidia-ml.so.1.
    """

    version: str
    common: Edits
    by_gpu: Mapping[str, Edits]
    library: Path
    preload: Path
    shares: Path
    hook: Path
    nvml: Path


def device_id(share: Share) -> str:
    """The fully qualified name of a share's CDI device."""
    return f"{KIND}={share.name}"


def claim_spec(
    shares: Sequence[Share], node: NodeEdits, metadata: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The CDI spec of the claim that consists of `shares`: one device per share.

    `metadata` says, for each request that has some, where in a container its file is to be.
    """
    return {
        "cdiVersion": max(node.version, _OLDEST_VERSION, key=_version_key),
        "kind": KIND,
        "devices": [
            _device(share, shares, node, _metadata_edits(share, node, metadata.get(share.request))) for share in shares
        ],
        # The NVIDIA container runtime in its old mode would add every GPU that an image's variable names.
        "containerEdits": merge(node.common, {"env": ["NVIDIA_VISIBLE_DEVICES=void"]}),
    }


def _device(share: Share, shares: Sequence[Share], node: NodeEdits, metadata: Edits) -> dict[str, Any]:
    edits = merge(merge(node.by_gpu[share.gpu_uuid], _share_edits(share, shares, node)), metadata)
    return {"name": share.name, "containerEdits": edits}


def _metadata_edits(share: Share, node: NodeEdits, path: str | None) -> Edits:
    """Where a request has several shares, their files are the same, and are mounted at one place."""
    return {"mounts": [_mount(node.shares / share.name / METADATA_FILE, path, _READ_ONLY)]} if path else {}


def _share_edits(share: Share, shares: Sequence[Share], node: NodeEdits) -> Edits:
    """What containers get of a share beside the GPU itself."""
    match share.access:
        case "limited":
            return _limited_edits(share, shares, node)
        case "whole":
            return {}
        case "monitor":
            return {"mounts": [_mount(node.shares, ALL_SHARES_IN_CONTAINER, _READ_ONLY)]}


def merge(first: Edits, second: Edits) -> dict[str, Any]:
    """Join two edits: lists are joined without repetitions, of anything else the second's wins."""
    merged = dict(first)
    for field, value in second.items():
        if isinstance(value, list):
            present = list(merged.get(field, ()))
            merged[field] = present + [item for item in value if item not in present]
        else:
            merged[field] = value
    return merged


def _limited_edits(share: Share, shares: Sequence[Share], node: NodeEdits) -> Edits:
    """The library, and the share that it is to obey. Two shares in a container mount the library twice at one place."""
    folder = node.shares / share.name
    in_container = f"{SHARES_IN_CONTAINER}/{share.name}"
    turns = turns_name(share.gpu_uuid)
    return {
        "env": [
            # Where an upstream libvgpu.so keeps its own region. Ours has none: a share's folder holds it.
            f"CUDA_DEVICE_MEMORY_SHARED_CACHE=/tmp/hami-core-{share.claim_uid}.cache",
            *_limits_environment(share.gpu_uuid, shares, node.by_gpu),
            f"GPU_CORE_UTILIZATION_POLICY={_UPSTREAM_POLICY[share.compute_policy]}",
            f"CUDA_TASK_PRIORITY={_UPSTREAM_PRIORITY[share.priority]}",
            *([] if share.log_level is None else [f"LIBCUDA_LOG_LEVEL={share.log_level}"]),
        ],
        "mounts": [
            _mount(node.library, LIBRARY_IN_CONTAINER, _READ_ONLY),
            _mount(node.preload, PRELOAD_IN_CONTAINER, _READ_ONLY),
            _mount(folder, in_container, _READ_ONLY),
            _mount(folder / REGION_FILE, f"{in_container}/{REGION_FILE}", _WRITABLE),
            _mount(node.shares.parent / TURNS_FOLDER / turns, f"{TURNS_IN_CONTAINER}/{turns}", _READ_ONLY),
        ],
        "hooks": [_hook(share, node)],
    }


def _hook(share: Share, node: NodeEdits) -> dict[str, Any]:
    """Notes each container of the share before its first instruction, and has the driver limit it where that can."""
    options = {"share": node.shares / share.name, "nvml": node.nvml, "enforce": share.memory_enforcement}
    arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return {
        "hookName": "createRuntime",
        "path": str(node.hook),
        "args": [HOOK, *arguments],
        "timeout": _HOOK_SECONDS,
    }


def _limits_environment(gpu_uuid: str, shares: Sequence[Share], visible_order: Iterable[str]) -> list[str]:
    """HAMi-core's environment contract for one GPU of a claim; ours only heeds it where no share folder is.

    The GPU's index is its position among the claim's GPUs. A container that names some of the claim's requests sees
    fewer GPUs, so the index may be of none: for it stands the variable without an index, which is never unlimited.
    """
    of_claim = {share.gpu_uuid for share in shares}
    index = [uuid for uuid in visible_order if uuid in of_claim].index(gpu_uuid)
    together = [share for share in shares if share.gpu_uuid == gpu_uuid and share.access == "limited"]
    cores = min(sum(share.cores for share in together), 100)
    memory = f"{sum(share.memory for share in together) // _MIB}m"
    return [
        f"CUDA_DEVICE_SM_LIMIT_{index}={cores}",
        f"CUDA_DEVICE_SM_LIMIT={cores}",
        f"CUDA_DEVICE_MEMORY_LIMIT_{index}={memory}",
        f"CUDA_DEVICE_MEMORY_LIMIT={memory}",
    ]


def _mount(host: Path, container: str, options: Sequence[str]) -> dict[str, Any]:
    return {"hostPath": str(host), "containerPath": container, "options": list(options)}


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
