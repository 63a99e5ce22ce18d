"""A GPU, as those who do not ask NVML themselves know it."""

from dataclasses import dataclass
from typing import Literal

MemoryEnforcement = Literal["driver", "library"]
"""Who holds containers to memory limits: the driver itself, beside libvgpu.so, or libvgpu.so alone."""


@dataclass(frozen=True, slots=True)
class MigPart:
    """Which part of its GPU a MIG device is: a compute instance in a GPU instance, by NVML's ids."""

    parent_uuid: str
    gpu_instance: int
    compute_instance: int
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as NVML describes it, or a MIG device of one in MIG mode; None stands for what this one does not tell.

    `uuid` is its identity, `minor` the number of its GPU's device node. Its NVML index is left out on purpose: it
    changes. `pci_address` is the kernel's form, `0000:3b:00.0`. `limit_obstacle` says why the driver itself does not
    hold containers to memory limits, and is empty where it does. Memory is a MIG device's own, all else its GPU's.
    """

    uuid: str
    minor: int
    memory_bytes: int
    mig: MigPart | None = None
    name: str | None = None
    brand: str | None = None
    architecture: str | None = None
    compute_capability: str | None = None
    driver_version: str | None = None
    cuda_driver_version: str | None = None
    pci_address: str | None = None
    pcie_root: str | None = None
    numa_node: int | None = None
    limit_obstacle: str = "the driver was not asked whether it can limit memory"

    @property
    def memory_enforcement(self) -> MemoryEnforcement:
        """Who can hold containers to memory limits on it."""
        return "library" if self.limit_obstacle else "driver"

    @property
    def whole_uuid(self) -> str:
        """The GPU that this is, or is a part of: what falls ill, and is reset."""
        return self.mig.parent_uuid if self.mig else self.uuid

    @property
    def place(self) -> tuple[int, int, int]:
        """Where it comes in the order of all GPUs and MIG devices of a node."""
        return self.minor, *((self.mig.gpu_instance, self.mig.compute_instance) if self.mig else (-1, -1))
