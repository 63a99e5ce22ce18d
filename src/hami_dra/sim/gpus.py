"""What simulated GPUs there can be: models as NVIDIA sells them, and GPUs as a machine has them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

GIB = 2**30
# For UUIDs that are the same whenever the same machine is made.
_NAMESPACE = uuid.UUID("5d3b8f1e-6a0c-4a57-9d0e-6f3f0a4b2c11")


@dataclass(frozen=True)
class Model:
    """What all GPUs of one product have in common; brand and architecture are NVML's names."""

    name: str
    memory_bytes: int
    brand: str
    architecture: str
    compute_capability: str
    multiprocessors: int
    pci_id: int  # device id << 16 | vendor id


MODELS = MappingProxyType(
    {
        model.name: model
        for model in (
            Model("Tesla T4", 16 * GIB, "Nvidia", "Turing", "7.5", 40, 0x1EB810DE),
            Model("NVIDIA A10", 24 * GIB, "Nvidia", "Ampere", "8.6", 72, 0x223610DE),
            Model("NVIDIA A100-SXM4-40GB", 40 * GIB, "Nvidia", "Ampere", "8.0", 108, 0x20B010DE),
            Model("NVIDIA A100-SXM4-80GB", 80 * GIB, "Nvidia", "Ampere", "8.0", 108, 0x20B210DE),
            Model("NVIDIA L4", 24 * GIB, "Nvidia", "Ada", "8.9", 58, 0x27B810DE),
            Model("NVIDIA H100 80GB HBM3", 80 * GIB, "Nvidia", "Hopper", "9.0", 132, 0x233010DE),
            Model("NVIDIA H200", 141 * GIB, "Nvidia", "Hopper", "9.0", 132, 0x233510DE),
            Model("NVIDIA B200", 180 * GIB, "Nvidia", "Blackwell", "10.0", 148, 0x290110DE),
        )
    }
)
DEFAULT_MODEL = MODELS["NVIDIA A100-SXM4-40GB"]


@dataclass(frozen=True)
class SimulatedGpu:
    """One GPU. Its place on the PCI bus and its minor number follow from its place among the machine's GPUs.

    `mig` is None unless the GPU is in MIG mode; then it has the profiles of its MIG devices, such as 1g.5gb.
    """

    uuid: str
    model: Model
    memory_bytes: int
    mig: tuple[str, ...] | None = None


def simulated_gpus(
    count: int,
    *,
    model: Model = DEFAULT_MODEL,
    memory_bytes: int | None = None,
    seed: str = "",
    mig: Iterable[str] | None = None,
) -> tuple[SimulatedGpu, ...]:
    """Return `count` GPUs of one model, with the model's memory unless told otherwise, each divided as `mig` says.

    The UUIDs depend on the seed and the place alone; give each machine of a cluster its own seed.
    """
    memory = model.memory_bytes if memory_bytes is None else memory_bytes
    layout = None if mig is None else tuple(mig)
    return tuple(
        SimulatedGpu(f"GPU-{uuid.uuid5(_NAMESPACE, f'{seed}/{place}')}", model, memory, layout)
        for place in range(count)
    )
