"""What this node has to offer: its GPUs, what makes them visible in containers, and the installed library."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hami_dra.gpu import BaseEdits, Gpu, NvidiaCtk, ask_inventory, find_base_edits, find_library
from hami_dra.native import lib
from hami_dra.shares import HOOK, NodeEdits

from .enforcement import SWITCHED_OFF
from .install import install
from .options import Options
from .slices import device_name

_log = logging.getLogger(__name__)

PRELOAD = Path(__file__).parent / "ld.so.preload"
_ADMINISTRATORS_CDI_DIR = Path("/etc/cdi")
_NO_BASE_EDITS = BaseEdits(version="0.3.0", common={}, by_gpu={})


class NothingToShareError(Exception):
    """No GPU of this node can be shared; the text says why."""


@dataclass(frozen=True, slots=True)
class GpuNode:
    """This node: its GPUs and MIG devices by device name, and what the CDI specs of all claims have in common."""

    name: str
    gpus: Mapping[str, Gpu]
    edits: NodeEdits


def install_files(options: Options) -> Path:
    """Put on the host what containers use from there; return the folder. Raises OSError."""
    hook = options.nvidia_cdi_hook
    return install([lib("libvgpu.so"), lib(HOOK), PRELOAD, *([hook] if hook else [])], options.install_dir)


def cdi_dirs(options: Options) -> tuple[Path, Path]:
    """Where CDI specs lie, those of highest priority first."""
    return options.cdi_dir, _ADMINISTRATORS_CDI_DIR


def empty_node(options: Options, installed: Path) -> GpuNode:
    """This node while it has no GPU to share."""
    return GpuNode(options.node_name, {}, _edits(_NO_BASE_EDITS, installed, options))


async def read_node(options: Options, installed: Path) -> GpuNode:
    """Ask NVML and nvidia-ctk: seconds on a node whose GPUs sleep.

    Raises NvmlSilentError, NvmlUnavailableError, BaseEditsError and NothingToShareError.
    """
    program, hook = options.nvidia_ctk, options.nvidia_cdi_hook
    nvidia_ctk = NvidiaCtk(program, installed / hook.name) if program and hook else None
    gpus = [_as_wanted(gpu, options) for gpu in await ask_inventory(options.driver_root)]
    base = await find_base_edits(
        gpus,
        nvidia_ctk,
        driver_root=options.driver_root,
        host_driver_root=options.host_driver_root,
        cdi_dirs=cdi_dirs(options),
    )
    visible = {device_name(gpu): gpu for gpu in gpus if gpu.uuid in base.by_gpu}
    if not visible:
        raise NothingToShareError("NVML lists no GPU on this node that can be shared, or none that has a CDI device")
    return GpuNode(options.node_name, visible, _edits(base, installed, options))


def _as_wanted(gpu: Gpu, options: Options) -> Gpu:
    """A GPU as it is used: an administrator may want nothing of the driver's memory limits."""
    if options.memory_enforcement == "library":
        gpu = replace(gpu, limit_obstacle=SWITCHED_OFF)
    _log.info("memory limits on GPU %s: %s", gpu.uuid, gpu.limit_obstacle or "held by the driver")
    return gpu


def _edits(base: BaseEdits, installed: Path, options: Options) -> NodeEdits:
    nvml = find_library(options.driver_root) or options.driver_root  # none: then there is no GPU either
    return NodeEdits(
        version=base.version,
        common=base.common,
        by_gpu=base.by_gpu,
        library=installed / "libvgpu.so",
        preload=installed / PRELOAD.name,
        shares=options.shares_dir,
        hook=installed / HOOK,
        nvml=options.host_driver_root / nvml.relative_to(options.driver_root),
    )
