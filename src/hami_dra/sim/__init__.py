"""Machines with simulated GPUs: a folder that looks like the root of a machine with NVIDIA's driver installed."""

from .cdi import write_cdi_spec
from .config import ConfigError, MachineConfig, read_config
from .gpus import MODELS, Model, SimulatedGpu, simulated_gpus
from .machine import LimitsBackend, Machine, MachineError, SimulatedDriver, create_machine
from .usage import GpuUsage, MemoryLimit, MigUsage, ProcessTime, ProcessUsage

__all__ = [
    "MODELS",
    "ConfigError",
    "GpuUsage",
    "LimitsBackend",
    "Machine",
    "MachineConfig",
    "MachineError",
    "MemoryLimit",
    "MigUsage",
    "Model",
    "ProcessTime",
    "ProcessUsage",
    "SimulatedDriver",
    "SimulatedGpu",
    "create_machine",
    "read_config",
    "simulated_gpus",
    "write_cdi_spec",
]
