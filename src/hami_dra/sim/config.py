"""Reads the file that describes a simulated machine.

driver = "580.65.06"        # all of these may be left out
cuda = "13.0"
context_memory = "300Mi"
context_ms = 60
process_list = "whole"
slice_us = 2000
switch_us = 0
limits_backend = "misc"

[[gpu]]
model = "NVIDIA A100-SXM4-40GB"
count = 2
memory = "16Gi"
mig = ["1g.2gb", "2g.4gb"]  # in MIG mode, divided like this
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from .gpus import DEFAULT_MODEL, MODELS, Model, SimulatedGpu, simulated_gpus
from .machine import LimitsBackend, ProcessList, SimulatedDriver

_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class ConfigError(Exception):
    """A machine's description cannot be used; the text says where and why."""


@dataclass(frozen=True)
class MachineConfig:
    """A machine as its file describes it."""

    gpus: tuple[SimulatedGpu, ...]
    driver: SimulatedDriver


class _GpuTable(msgspec.Struct, forbid_unknown_fields=True):
    model: str = DEFAULT_MODEL.name
    count: Annotated[int, msgspec.Meta(ge=0, le=512)] = 1
    memory: str | None = None
    mig: list[str] | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    gpu: list[_GpuTable]
    driver: str = SimulatedDriver.version
    cuda: str = SimulatedDriver.cuda_version
    context_memory: str = "0"
    context_ms: int = 0
    process_list: ProcessList = SimulatedDriver.process_list
    slice_us: int = SimulatedDriver.slice_us
    switch_us: int = SimulatedDriver.switch_us
    limits_backend: LimitsBackend = SimulatedDriver.limits_backend


def read_config(path: Path) -> MachineConfig:
    """Read the TOML file at `path`. Raises ConfigError."""
    try:
        described = msgspec.toml.decode(path.read_bytes(), type=_File)
        return _config(described, seed=path.stem)
    except (OSError, ValueError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _config(described: _File, seed: str) -> MachineConfig:
    gpus: list[SimulatedGpu] = []
    for place, table in enumerate(described.gpu):
        memory = None if table.memory is None else _bytes(table.memory)
        model = _model(table.model)
        gpus += simulated_gpus(table.count, model=model, memory_bytes=memory, seed=f"{seed}/{place}", mig=table.mig)
    driver = SimulatedDriver(
        described.driver,
        described.cuda,
        _bytes(described.context_memory),
        described.context_ms,
        described.process_list,
        described.slice_us,
        described.switch_us,
        described.limits_backend,
    )
    return MachineConfig(tuple(gpus), driver)


def _model(name: str) -> Model:
    if name not in MODELS:
        raise ConfigError(f"there is no model {name!r}; there are: {', '.join(MODELS)}")
    return MODELS[name]


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]+)(Ki|Mi|Gi|Ti|)", text)
    if match is None:
        raise ConfigError(f"{text!r} is not a number of bytes such as 16Gi")
    return int(match[1]) * _UNITS[match[2]]
