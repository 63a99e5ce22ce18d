"""Objects of the API group `resource.k8s.io/v1`: claims, and the slices that devices are published in."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from .meta import Condition, Fields, ObjectMeta, version_field
from .quantity import Quantity


class CapacityRange(Fields, frozen=True):
    """What may be consumed of a capacity: from `min` to `max` (the whole where absent) in steps of `step`."""

    min: Quantity
    max: Quantity | None = None
    step: Quantity | None = None


class CapacityRequestPolicy(Fields, frozen=True):
    """How the scheduler rounds what a claim asks of a capacity, and what it takes when nothing is asked."""

    default: Quantity | None = None
    valid_values: tuple[Quantity, ...] = ()
    valid_range: CapacityRange | None = None


class DeviceCapacity(Fields, frozen=True):
    """How much a device has of something, and in which portions it may be consumed."""

    value: Quantity
    request_policy: CapacityRequestPolicy | None = None


class DeviceAttribute(Fields, frozen=True):
    """One property of a device: exactly one of the fields is set."""

    int_: int | None = msgspec.field(default=None, name="int")
    bool_: bool | None = msgspec.field(default=None, name="bool")
    string: str | None = None
    version: str | None = None


class DeviceTaint(Fields, frozen=True):
    """What keeps claims from a device that do not tolerate it; with the effect `None` (1.35) it only tells something.

    `effect` is `None`, `NoSchedule` or `NoExecute`; a later version of us may have published others, which must be
    readable to be replaced. `time_added` is to the second.
    """

    key: str
    effect: str
    value: str = ""
    time_added: datetime | None = None


class Device(Fields, frozen=True):
    """A device as a driver publishes it."""

    name: str
    attributes: dict[str, DeviceAttribute] = msgspec.field(default_factory=dict)
    capacity: dict[str, DeviceCapacity] = msgspec.field(default_factory=dict)
    allow_multiple_allocations: bool = False
    taints: tuple[DeviceTaint, ...] = ()


class ResourcePool(Fields, frozen=True):
    """The pool that a slice is a part of: complete when as many slices of one generation are there."""

    name: str
    generation: int
    resource_slice_count: int


class ResourceSliceSpec(Fields, frozen=True):
    """Devices of one pool on one node, at most 128, or 64 where any has a taint."""

    driver: str
    pool: ResourcePool
    node_name: str = ""
    devices: tuple[Device, ...] = ()


class ResourceSlice(Fields, frozen=True, tag_field="kind", tag="ResourceSlice"):
    """A part of a pool of devices."""

    metadata: ObjectMeta
    spec: ResourceSliceSpec
    api_version: str = version_field("resource.k8s.io/v1")


class CapacityRequirements(Fields, frozen=True):
    """What a request asks of each capacity of a device."""

    requests: dict[str, Quantity] = msgspec.field(default_factory=dict)


class ExactDeviceRequest(Fields, frozen=True):
    """Asks for `count` devices of a class; selectors are CEL, which the scheduler alone evaluates."""

    device_class_name: str
    selectors: tuple[dict[str, Any], ...] = ()
    allocation_mode: Literal["ExactCount", "All"] = "ExactCount"
    count: int = 1
    admin_access: bool = False
    capacity: CapacityRequirements = CapacityRequirements()


class DeviceSubRequest(Fields, frozen=True):
    """One of several alternatives of a request, known as `request/name`."""

    name: str
    device_class_name: str
    selectors: tuple[dict[str, Any], ...] = ()
    allocation_mode: Literal["ExactCount", "All"] = "ExactCount"
    count: int = 1
    capacity: CapacityRequirements = CapacityRequirements()


class DeviceRequest(Fields, frozen=True):
    """One named request of a claim: `exactly` this, or of alternatives the first that can be had."""

    name: str
    exactly: ExactDeviceRequest | None = None
    first_available: tuple[DeviceSubRequest, ...] = ()


class DeviceConstraint(Fields, frozen=True):
    """What the devices of some requests (all where none is named) have in common, or must not have."""

    requests: tuple[str, ...] = ()
    match_attribute: str | None = None
    distinct_attribute: str | None = None


class OpaqueDeviceConfiguration(Fields, frozen=True):
    """Parameters that only the named driver understands."""

    driver: str
    parameters: dict[str, Any]


class DeviceClaimConfiguration(Fields, frozen=True):
    """Parameters in a claim for some of its requests (all where none is named)."""

    requests: tuple[str, ...] = ()
    opaque: OpaqueDeviceConfiguration | None = None


class DeviceClaim(Fields, frozen=True):
    """What a claim asks for; the API server writes `null` where there are no requests."""

    requests: tuple[DeviceRequest, ...] | None = None
    constraints: tuple[DeviceConstraint, ...] = ()
    config: tuple[DeviceClaimConfiguration, ...] = ()


class ResourceClaimSpec(Fields, frozen=True):
    """What a claim asks for; it never changes."""

    devices: DeviceClaim = DeviceClaim()


class DeviceRequestAllocationResult(Fields, frozen=True):
    """One device, or one share of one, given to a request (`main`, or `main/sub` for an alternative)."""

    request: str
    driver: str
    pool: str
    device: str
    admin_access: bool = False
    share_id: str | None = msgspec.field(default=None, name="shareID")
    consumed_capacity: dict[str, Quantity] = msgspec.field(default_factory=dict)


class DeviceAllocationConfiguration(Fields, frozen=True):
    """Parameters that hold for an allocation, from its class or its claim."""

    source: Literal["FromClass", "FromClaim"]
    requests: tuple[str, ...] = ()
    opaque: OpaqueDeviceConfiguration | None = None


class DeviceAllocationResult(Fields, frozen=True):
    """The devices that a claim was given."""

    results: tuple[DeviceRequestAllocationResult, ...] = ()
    config: tuple[DeviceAllocationConfiguration, ...] = ()


class AllocationResult(Fields, frozen=True):
    """What a claim was given."""

    devices: DeviceAllocationResult = DeviceAllocationResult()


class ResourceClaimConsumerReference(Fields, frozen=True):
    """Who may use a claim, in its namespace."""

    resource: str
    name: str
    uid: str
    api_group: str = ""

    @property
    def is_pod(self) -> bool:
        """Whether it is a pod."""
        return (self.api_group, self.resource) == ("", "pods")


class AllocatedDeviceStatus(Fields, frozen=True):
    """What a driver has to say of one device, or share of one, that a claim was given.

    The API server writes `null` where another driver gave no conditions.
    """

    driver: str
    pool: str
    device: str
    share_id: str | None = msgspec.field(default=None, name="shareID")
    conditions: tuple[Condition, ...] | None = None
    data: dict[str, Any] | None = None


class ResourceClaimStatus(Fields, frozen=True):
    """What a claim was given, if it was, who may use it, and what the drivers of its devices say of them."""

    allocation: AllocationResult | None = None
    reserved_for: tuple[ResourceClaimConsumerReference, ...] = ()
    devices: tuple[AllocatedDeviceStatus, ...] = ()


class ResourceClaim(Fields, frozen=True, tag_field="kind", tag="ResourceClaim"):
    """A wish for devices and what became of it."""

    metadata: ObjectMeta
    spec: ResourceClaimSpec = ResourceClaimSpec()
    status: ResourceClaimStatus = ResourceClaimStatus()
    api_version: str = version_field("resource.k8s.io/v1")
