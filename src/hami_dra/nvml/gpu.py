"""A GPU, as those who do not ask NVML themselves know it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as NVML describes it; None stands for what this one does not tell.

    `uuid` is its identity, `minor` the number of its device node. Its NVML index is left out on purpose: it changes.
    `pci_address` is the kernel's form, `0000:3b:00.0`.
    """

    uuid: str
    minor: int
    memory_bytes: int
    mig_enabled: bool = False
    name: str | None = None
    brand: str | None = None
    architecture: str | None = None
    compute_capability: str | None = None
    driver_version: str | None = None
    cuda_driver_version: str | None = None
    pci_address: str | None = None
    pcie_root: str | None = None
    numa_node: int | None = None
