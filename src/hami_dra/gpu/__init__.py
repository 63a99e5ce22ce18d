"""What a node's GPUs are, from NVML, and what makes them visible in containers, from NVIDIA's container toolkit."""

from hami_dra.nvml.driver import NvmlUnavailableError, find_library
from hami_dra.nvml.gpu import Gpu
from hami_dra.nvml.holders import Holder, Holding
from hami_dra.nvml.reading import Reading

from .base_edits import BaseEdits, BaseEditsError, find_base_edits
from .health import Diagnosis, Finding
from .health_process import HealthUnknownError, watch_health
from .inventory_process import ask_inventory
from .memory_process import MemoryProcess, MemoryUnknownError
from .nvidia_ctk import NvidiaCtk
from .programs import NvmlSilentError
from .traces import traces

__all__ = [
    "BaseEdits",
    "BaseEditsError",
    "Diagnosis",
    "Finding",
    "Gpu",
    "HealthUnknownError",
    "Holder",
    "Holding",
    "MemoryProcess",
    "MemoryUnknownError",
    "NvidiaCtk",
    "NvmlSilentError",
    "NvmlUnavailableError",
    "Reading",
    "ask_inventory",
    "find_base_edits",
    "find_library",
    "traces",
    "watch_health",
]
