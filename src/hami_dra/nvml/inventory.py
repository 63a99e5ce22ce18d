"""Prints which GPUs the driver root that is given has and what they are, as JSON."""

import json
import sys
from dataclasses import asdict
from typing import Any

import pynvml

from .gpu import Gpu, MigPart
from .library import optional
from .memory_limits import limit_obstacle
from .mig import is_divided, mig_devices, profile_of
from .pci import kernel_address, numa_node, pcie_root
from .program import run

_NO_LIMITS_FOR_PARTS = "the driver has memory limits for GPUs only, not for MIG devices"  # by NVIDIA's documentation

_BRANDS = {
    pynvml.NVML_BRAND_QUADRO: "Quadro",
    pynvml.NVML_BRAND_TESLA: "Tesla",
    pynvml.NVML_BRAND_NVS: "NVS",
    pynvml.NVML_BRAND_GRID: "Grid",
    pynvml.NVML_BRAND_GEFORCE: "GeForce",
    pynvml.NVML_BRAND_TITAN: "Titan",
    pynvml.NVML_BRAND_QUADRO_RTX: "QuadroRTX",
    pynvml.NVML_BRAND_NVIDIA_RTX: "NvidiaRTX",
    pynvml.NVML_BRAND_NVIDIA: "Nvidia",
    pynvml.NVML_BRAND_GEFORCE_RTX: "GeForceRTX",
    pynvml.NVML_BRAND_TITAN_RTX: "TitanRTX",
}
_ARCHITECTURES = {
    pynvml.NVML_DEVICE_ARCH_KEPLER: "Kepler",
    pynvml.NVML_DEVICE_ARCH_MAXWELL: "Maxwell",
    pynvml.NVML_DEVICE_ARCH_PASCAL: "Pascal",
    pynvml.NVML_DEVICE_ARCH_VOLTA: "Volta",
    pynvml.NVML_DEVICE_ARCH_TURING: "Turing",
    pynvml.NVML_DEVICE_ARCH_AMPERE: "Ampere",
    pynvml.NVML_DEVICE_ARCH_ADA: "Ada Lovelace",
    pynvml.NVML_DEVICE_ARCH_HOPPER: "Hopper",
    pynvml.NVML_DEVICE_ARCH_BLACKWELL: "Blackwell",
}


def _tell() -> None:
    """Print the GPUs by minor number.

    In place of a GPU in MIG mode there are its MIG devices. What has no identity or memory that can be read is left
    out, with a line on standard error.
    """
    gpus = [gpu for index in range(pynvml.nvmlDeviceGetCount()) for gpu in _read(index)]
    print(json.dumps([asdict(gpu) for gpu in sorted(gpus, key=lambda gpu: gpu.place)]))


def _read(index: int) -> list[Gpu]:
    """The GPU of an index, or what it is divided in."""
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        uuid = pynvml.nvmlDeviceGetUUID(handle)
        minor = pynvml.nvmlDeviceGetMinorNumber(handle)
        if is_divided(handle):
            return _read_parts(handle, uuid, minor)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle).total
        return [Gpu(uuid, minor, memory, limit_obstacle=limit_obstacle(handle), **_description(handle))]
    except pynvml.NVMLError as error:
        print(f"GPU {index} of NVML is left out, its identity or memory cannot be read: {error}", file=sys.stderr)
        return []


def _read_parts(gpu: object, uuid: str, minor: int) -> list[Gpu]:
    """The MIG devices of a GPU."""
    description = _description(gpu)
    parts = []
    for device in mig_devices(gpu):
        try:
            parts.append(_read_part(device, uuid, minor, description))
        except pynvml.NVMLError as error:
            print(f"a MIG device of GPU {uuid} is left out, it cannot be read: {error}", file=sys.stderr)
    if not parts:
        print(f"GPU {uuid} is in MIG mode and has no MIG devices: `nvidia-smi mig` makes some", file=sys.stderr)
    return parts


def _read_part(device: object, parent_uuid: str, minor: int, description: dict[str, Any]) -> Gpu:
    part = MigPart(
        parent_uuid,
        pynvml.nvmlDeviceGetGpuInstanceId(device),
        pynvml.nvmlDeviceGetComputeInstanceId(device),
        profile_of(optional(pynvml.nvmlDeviceGetName, device) or ""),
    )
    uuid = pynvml.nvmlDeviceGetUUID(device)
    memory = pynvml.nvmlDeviceGetMemoryInfo(device).total
    return Gpu(uuid, minor, memory, part, limit_obstacle=_NO_LIMITS_FOR_PARTS, **description)


def _description(handle: object) -> dict[str, Any]:
    """What is good to know about a GPU; none of it is needed to share it."""
    pci_info = optional(pynvml.nvmlDeviceGetPciInfo, handle)
    address = kernel_address(pci_info.busId) if pci_info else None
    capability = optional(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    cuda_version = optional(pynvml.nvmlSystemGetCudaDriverVersion)
    return {
        "name": optional(pynvml.nvmlDeviceGetName, handle),
        "brand": _BRANDS.get(optional(pynvml.nvmlDeviceGetBrand, handle)),
        "architecture": _ARCHITECTURES.get(optional(pynvml.nvmlDeviceGetArchitecture, handle)),
        "compute_capability": "{}.{}".format(*capability) if capability else None,
        "driver_version": optional(pynvml.nvmlSystemGetDriverVersion),
        "cuda_driver_version": f"{cuda_version // 1000}.{cuda_version % 1000 // 10}" if cuda_version else None,
        "pci_address": address,
        "pcie_root": pcie_root(address) if address else None,
        "numa_node": numa_node(address) if address else None,
    }


if __name__ == "__main__":
    sys.exit(run(_tell))
