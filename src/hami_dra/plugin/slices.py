"""GPUs as the scheduler sees them: the devices of this node's ResourceSlices."""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from hami_dra.gpu import Gpu
from hami_dra.kube import (
    CapacityRange,
    CapacityRequestPolicy,
    Device,
    DeviceAttribute,
    DeviceCapacity,
    DeviceTaint,
    Quantity,
)

_MIB = Quantity(2**20)
_PERCENT = Quantity(1)
_ONE = Quantity(1)
_LONGEST_STRING = 64


def device_name(gpu: Gpu) -> str:
    """The name of the device that a GPU or MIG device is in its pool.

    A MIG device's has its profile, so that it is never taken for another that is made in the same place.
    """
    if gpu.mig is None:
        return f"hami-gpu-{gpu.minor}"
    profile = "".join(re.findall("[a-z0-9]", (gpu.mig.profile or "").lower()))
    parts = ("hami-gpu", gpu.minor, "mig", profile, gpu.mig.gpu_instance, gpu.mig.compute_instance)
    return "-".join(str(part) for part in parts if part != "")


def offered_memory(gpu: Gpu) -> int:
    """Bytes that may be shared out: what is left below a step is not, for the API server wants whole steps."""
    return gpu.memory_bytes - gpu.memory_bytes % _MIB


def devices(
    gpus: Iterable[Gpu],
    tenants: int | None = None,
    taints: Mapping[str, Sequence[DeviceTaint]] = MappingProxyType({}),
) -> tuple[Device, ...]:
    """The devices to publish, in the order of minor numbers: another order would be a change to the scheduler.

    `tenants` is how many shares of a GPU there may be at a time, any number where None; `taints` are those of GPUs by
    their UUID, which their MIG devices have too.
    """
    in_order = sorted(gpus, key=lambda gpu: gpu.place)
    return tuple(_device(gpu, tenants, taints.get(gpu.whole_uuid, ())) for gpu in in_order)


def _device(gpu: Gpu, tenants: int | None, taints: Sequence[DeviceTaint]) -> Device:
    return Device(
        name=device_name(gpu),
        attributes=attributes(gpu),
        capacity={
            "cores": _shareable(Quantity(100), step=_PERCENT),
            "memory": _shareable(Quantity(offered_memory(gpu)), step=_MIB),
        }
        | ({"tenants": _places(tenants)} if tenants else {}),
        allow_multiple_allocations=True,
        taints=tuple(taints),
    )


def attributes(gpu: Gpu) -> dict[str, DeviceAttribute]:
    """What is known of a GPU or MIG device, by the names that are published."""
    found = {
        "type": _string("hami-mig" if gpu.mig else "hami-gpu"),
        "uuid": _string(gpu.uuid),
        "parentUUID": _string(gpu.mig.parent_uuid if gpu.mig else None),
        "profile": _string(gpu.mig.profile if gpu.mig else None),
        "minor": DeviceAttribute(int_=gpu.minor),
        "productName": _string(gpu.name),
        "brand": _string(gpu.brand),
        "architecture": _string(gpu.architecture),
        "cudaComputeCapability": _version(gpu.compute_capability),
        "driverVersion": _version(gpu.driver_version),
        "cudaDriverVersion": _version(gpu.cuda_driver_version),
        "memoryEnforcement": _string(gpu.memory_enforcement),
        "pcieBusID": _string(gpu.pci_address),
        "resource.kubernetes.io/pciBusID": _string(gpu.pci_address),
        "resource.kubernetes.io/pcieRoot": _string(gpu.pcie_root),
        "resource.kubernetes.io/numaNode": None if gpu.numa_node is None else DeviceAttribute(int_=gpu.numa_node),
    }
    return {name: attribute for name, attribute in found.items() if attribute}


def _shareable(offered: Quantity, step: Quantity) -> DeviceCapacity:
    """A capacity of which a claim may have any number of steps, all where it asks for none."""
    policy = CapacityRequestPolicy(default=offered, valid_range=CapacityRange(min=step, max=offered, step=step))
    return DeviceCapacity(value=offered, request_policy=policy)


def _places(number: int) -> DeviceCapacity:
    """A capacity of which each share has one, whatever its claim asks for."""
    policy = CapacityRequestPolicy(default=_ONE, valid_values=(_ONE,))
    return DeviceCapacity(value=Quantity(number), request_policy=policy)


def _string(text: str | None) -> DeviceAttribute | None:
    return DeviceAttribute(string=text[:_LONGEST_STRING]) if text else None


def _version(text: str | None) -> DeviceAttribute | None:
    """A semantic version: three numbers without leading zeros, as in 580.65.6 for driver 580.65.06."""
    numbers = [str(int(number)) for number in re.findall("[0-9]+", text or "")][:3]
    return DeviceAttribute(version=".".join([*numbers, "0", "0"][:3])) if numbers else None
