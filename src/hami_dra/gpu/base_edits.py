"""The CDI edits that make each GPU visible in a container: NVIDIA's tool or the node's spec says them, never we."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hami_dra.nvml.gpu import Gpu

from .cdi_spec import CdiDevice, CdiSpec
from .node_spec import node_spec
from .nvidia_ctk import NvidiaCtk, NvidiaCtkError

_log = logging.getLogger(__name__)

# This hook of NVIDIA's sets one limit for all GPUs, from variables that the container's owner may set.
_UNWANTED_HOOK = "apply-cuda-memory-limits"
_GPU_NODE = re.compile(r"/dev/nvidia([0-9]+)")
_MIG_NODES = "/dev/nvidia-caps/"


class BaseEditsError(Exception):
    """What makes GPUs visible in containers cannot be found out; the text says what to install."""


@dataclass(frozen=True, slots=True)
class BaseEdits:
    """What makes GPUs visible in a container, in CDI's own form: `common` for any of them, and for each by UUID.

    `version` is the CDI version that the edits need. `by_gpu` has GPUs and MIG devices in the order of
    minor numbers, as containers count.
    """

    version: str
    common: Mapping[str, Any]
    by_gpu: Mapping[str, Mapping[str, Any]]


async def find_base_edits(
    gpus: Sequence[Gpu],
    nvidia_ctk: NvidiaCtk | None,
    *,
    driver_root: Path,
    host_driver_root: Path,
    cdi_dirs: Sequence[Path],
) -> BaseEdits:
    """Ask nvidia-ctk where there is one, else the node's own spec in `cdi_dirs`. Raises BaseEditsError."""
    reason = "nvidia-ctk and nvidia-cdi-hook are not in PATH (--nvidia-ctk and --nvidia-cdi-hook say where they are)"
    spec = None
    if nvidia_ctk:
        try:
            spec = await nvidia_ctk.generate(driver_root, host_driver_root)
        except NvidiaCtkError as error:
            reason = str(error)
            _log.warning("%s; the node's own CDI spec is used instead", reason)
    spec = spec or await asyncio.to_thread(node_spec, cdi_dirs)
    if spec is None:
        folders = " and ".join(map(str, cdi_dirs))
        raise BaseEditsError(
            f"what makes GPUs visible in containers is not known: {reason}; "
            f"and no CDI spec of kind nvidia.com/gpu lies in {folders}: install the NVIDIA Container Toolkit"
        )
    return pick(spec, gpus)


def pick(spec: CdiSpec, gpus: Sequence[Gpu]) -> BaseEdits:
    """Take the edits of `gpus` out of a spec; a GPU that it does not know is left out, with a line in the log."""
    by_gpu = {}
    for gpu in sorted(gpus, key=lambda gpu: gpu.place):
        device = next((device for device in spec.devices if _is_of(device, gpu)), None)
        if device:
            by_gpu[gpu.uuid] = _without_unwanted_hook(device.container_edits)
        else:
            what = "MIG device" if gpu.mig else "GPU"
            _log.warning("%s %s (/dev/nvidia%d) has no CDI device and is left out", what, gpu.uuid, gpu.minor)
    return BaseEdits(spec.cdi_version, _without_unwanted_hook(spec.container_edits), by_gpu)


def _is_of(device: CdiDevice, gpu: Gpu) -> bool:
    """Whether a CDI device is this GPU, whole and alone, or this MIG device.

    Its name may be the UUID, or an index, which changes. A GPU is known by its device node, but of MIG devices only the
    kernel knows which capabilities are whose.
    """
    if gpu.mig:
        return device.name == gpu.uuid
    paths = {str(node.get("path")) for node in device.container_edits.get("deviceNodes", ())}
    minors = {int(match[1]) for match in map(_GPU_NODE.fullmatch, paths) if match}
    is_mig = any(path.startswith(_MIG_NODES) for path in paths)
    return device.name == gpu.uuid or (minors == {gpu.minor} and not is_mig)


def _without_unwanted_hook(edits: Mapping[str, Any]) -> dict[str, Any]:
    """CDI takes an empty list of hooks for an error, so none is left behind."""
    hooks = [hook for hook in edits.get("hooks", ()) if _UNWANTED_HOOK not in (hook.get("args") or ())]
    rest = {field: value for field, value in edits.items() if field != "hooks"}
    return rest | {"hooks": hooks} if hooks else rest
