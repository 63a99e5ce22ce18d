import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra.gpu import Gpu
from hami_dra.kube import DeviceAttribute, DeviceTaint, Quantity
from hami_dra.local.capacity import Unfit, consumption
from hami_dra.nvml.gpu import MigPart
from hami_dra.plugin.slices import device_name, devices

MIB = 2**20
GPU = Gpu(
    uuid="GPU-8f0f6b1e-0000-4000-8000-000000000001",
    minor=1,
    memory_bytes=16 * 2**30 + 12345,
    name="NVIDIA L4",
    brand="Nvidia",
    architecture="Ada Lovelace",
    compute_capability="8.9",
    driver_version="580.65.06",
    cuda_driver_version="13.0",
    pci_address="0000:3b:00.0",
    pcie_root="pci0000:3a",
    numa_node=0,
)
PART = replace(
    GPU,
    uuid="MIG-8f0f6b1e-0000-4000-8000-000000000002",
    memory_bytes=5 * 2**30 + 1,
    mig=MigPart(GPU.uuid, 7, 0, "1g.5gb+me"),
)
BARE = Gpu(uuid="GPU-0", minor=0, memory_bytes=2**30)


def test_device_has_the_names_that_classes_and_claims_ask_for() -> None:
    (device,) = devices([GPU])
    assert device.name == device_name(GPU) == "hami-gpu-1"
    assert device.allow_multiple_allocations
    assert device.attributes == {
        "type": DeviceAttribute(string="hami-gpu"),
        "uuid": DeviceAttribute(string=GPU.uuid),
        "minor": DeviceAttribute(int_=1),
        "productName": DeviceAttribute(string="NVIDIA L4"),
        "brand": DeviceAttribute(string="Nvidia"),
        "architecture": DeviceAttribute(string="Ada Lovelace"),
        "cudaComputeCapability": DeviceAttribute(version="8.9.0"),
        "driverVersion": DeviceAttribute(version="580.65.6"),
        "cudaDriverVersion": DeviceAttribute(version="13.0.0"),
        "memoryEnforcement": DeviceAttribute(string="library"),
        "pcieBusID": DeviceAttribute(string="0000:3b:00.0"),
        "resource.kubernetes.io/pciBusID": DeviceAttribute(string="0000:3b:00.0"),
        "resource.kubernetes.io/numaNode": DeviceAttribute(int_=0),
        "resource.kubernetes.io/pcieRoot": DeviceAttribute(string="pci0000:3a"),
    }


def test_mig_device_has_its_own_type_and_names_its_gpu() -> None:
    (device,) = devices([PART])
    (gpu,) = devices([GPU])
    own = {
        "type": DeviceAttribute(string="hami-mig"),
        "uuid": DeviceAttribute(string=PART.uuid),
        "parentUUID": DeviceAttribute(string=GPU.uuid),
        "profile": DeviceAttribute(string="1g.5gb+me"),
    }
    assert device.attributes == {**gpu.attributes, **own}
    assert device.name == "hami-gpu-1-mig-1g5gbme-7-0"
    assert (device.capacity["cores"].value, device.capacity["memory"].value) == (100, 5 * 2**30)


def test_mig_device_without_a_known_profile_has_a_name_too() -> None:
    assert device_name(replace(PART, mig=MigPart(GPU.uuid, 3, 0))) == "hami-gpu-1-mig-3-0"


def test_mig_devices_come_in_their_gpus_place_with_its_taints() -> None:
    later = replace(PART, uuid="MIG-2", mig=MigPart(GPU.uuid, 11, 0))
    taint = DeviceTaint("unusable", "NoSchedule")
    found = devices([later, BARE, PART], taints={GPU.uuid: [taint]})
    assert [(each.attributes["uuid"].string, each.taints) for each in found] == [
        (BARE.uuid, ()),
        (PART.uuid, (taint,)),
        (later.uuid, (taint,)),
    ]


def test_gpu_that_tells_nothing_more_is_published_without_it() -> None:
    (device,) = devices([BARE])
    assert set(device.attributes) == {"type", "uuid", "minor", "memoryEnforcement"}


@pytest.mark.parametrize(("obstacle", "published"), [("", "driver"), ("the driver is too old", "library")])
def test_device_says_who_can_hold_memory_limits(obstacle: str, published: str) -> None:
    (device,) = devices([Gpu(uuid="GPU-0", minor=0, memory_bytes=2**30, limit_obstacle=obstacle)])
    assert device.attributes["memoryEnforcement"] == DeviceAttribute(string=published)


def test_order_is_that_of_minor_numbers() -> None:
    assert devices([GPU, BARE]) == devices([BARE, GPU])
    assert [device.name for device in devices([GPU, BARE])] == ["hami-gpu-0", "hami-gpu-1"]


@given(st.integers(MIB, 2**40))
def test_capacities_obey_the_api_servers_rules(memory: int) -> None:
    (device,) = devices([Gpu(uuid="GPU-0", minor=0, memory_bytes=memory)])
    assert set(device.capacity) == {"cores", "memory"}
    assert device.capacity["cores"].value == 100
    assert memory - MIB < device.capacity["memory"].value <= memory
    for capacity, step in ((device.capacity["cores"], 1), (device.capacity["memory"], MIB)):
        policy = capacity.request_policy
        assert policy
        assert policy.valid_range
        assert (policy.valid_range.min, policy.valid_range.step) == (step, step)
        for bound in (policy.default, policy.valid_range.max):
            assert bound == capacity.value
            assert (bound - policy.valid_range.min) % step == 0


def test_cap_on_tenants_is_a_capacity_of_which_each_share_has_one() -> None:
    (device,) = devices([GPU], tenants=2)
    least = {"cores": Quantity(1), "memory": Quantity(MIB)}
    assert consumption(least, device.capacity)["tenants"] == 1
    assert consumption({}, device.capacity)["tenants"] == 1
    assert device.capacity["tenants"].value == 2
    with pytest.raises(Unfit, match="at most 1"):
        consumption(least | {"tenants": Quantity(2)}, device.capacity)


SEMVER = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}")


@pytest.mark.parametrize("text", ["580.65.06", "9.0", "13", "535.104.05-rc1", "1.2.3.4"])
def test_versions_are_semantic(text: str) -> None:
    (device,) = devices([Gpu(uuid="GPU-0", minor=0, memory_bytes=MIB, driver_version=text)])
    assert SEMVER.fullmatch(device.attributes["driverVersion"].version or "")


def test_long_text_is_cut_to_what_an_attribute_holds() -> None:
    (device,) = devices([Gpu(uuid="GPU-0", minor=0, memory_bytes=MIB, name="x" * 100, driver_version="unknown")])
    assert device.attributes["productName"].string == "x" * 64
    assert "driverVersion" not in device.attributes
