"""What a node's GPUs are, from NVML, and what makes them visible in containers, from NVIDIA's container toolkit."""

from .base_edits import BaseEdits, BaseEditsError, find_base_edits
from .health import Diagnosis, Finding, Reading
from .health_process import HealthUnknownError, watch_health
from .inventory import Gpu, read_inventory
from .inventory_process import ask_inventory
from .nvidia_ctk import NvidiaCtk
from .nvml import NvmlUnavailableError
from .traces import traces

__all__ = [
    "BaseEdits",
    "BaseEditsError",
    "Diagnosis",
    "Finding",
    "Gpu",
    "HealthUnknownError",
    "NvidiaCtk",
    "NvmlUnavailableError",
    "Reading",
    "ask_inventory",
    "find_base_edits",
    "read_inventory",
    "traces",
    "watch_health",
]
