"""The allocator: figures are those that the Kubernetes scheduler's own rules give."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hami_dra import kube
from hami_dra.kube import Quantity
from hami_dra.local.allocator import AllocationError, allocate
from hami_dra.local.capacity import Unfit, consumption

DRIVER = CLASS = "gpu.example.com"
DRIVERS = {CLASS: DRIVER}
GI = 2**30


def policy(default: int, low: int, high: int, step: int) -> kube.CapacityRequestPolicy:
    valid = kube.CapacityRange(min=Quantity(low), max=Quantity(high), step=Quantity(step))
    return kube.CapacityRequestPolicy(default=Quantity(default), valid_range=valid)


def gpu(name: str, *, shared: bool = True) -> kube.Device:
    capacity = {
        "cores": kube.DeviceCapacity(value=Quantity(100), request_policy=policy(100, 1, 100, 1)),
        "memory": kube.DeviceCapacity(value=Quantity(16 * GI), request_policy=policy(16 * GI, 2**20, 16 * GI, 2**20)),
    }
    return kube.Device(
        name=name,
        capacity=capacity,
        attributes={"uuid": kube.DeviceAttribute(string=f"GPU-{name}"), "model": kube.DeviceAttribute(string="A")},
        allow_multiple_allocations=shared,
    )


def pool(*devices: kube.Device, generation: int = 1, count: int = 1, name: str = "s") -> kube.ResourceSlice:
    spec = kube.ResourceSliceSpec(
        driver=DRIVER,
        pool=kube.ResourcePool(name="node", generation=generation, resource_slice_count=count),
        devices=devices,
    )
    return kube.ResourceSlice(metadata=kube.ObjectMeta(name=name), spec=spec)


def request(name: str = "main", /, count: int = 1, **capacity: str) -> kube.DeviceRequest:
    requests = {key: Quantity.parse(value) for key, value in capacity.items()}
    exactly = kube.ExactDeviceRequest(
        device_class_name=CLASS, count=count, capacity=kube.CapacityRequirements(requests=requests)
    )
    return kube.DeviceRequest(name=name, exactly=exactly)


def claim(*requests: kube.DeviceRequest, constraints: Sequence[kube.DeviceConstraint] = ()) -> kube.ResourceClaim:
    devices = kube.DeviceClaim(requests=requests, constraints=tuple(constraints))
    return kube.ResourceClaim(
        metadata=kube.ObjectMeta(name="c", namespace="ns"), spec=kube.ResourceClaimSpec(devices=devices)
    )


def holding(allocation: kube.AllocationResult) -> kube.ResourceClaim:
    return kube.ResourceClaim(
        metadata=kube.ObjectMeta(name="other"), status=kube.ResourceClaimStatus(allocation=allocation)
    )


def results(
    wanted: kube.ResourceClaim, *slices: kube.ResourceSlice, others: Sequence[kube.ResourceClaim] = ()
) -> list[tuple[str, str, dict[str, Quantity]]]:
    found = allocate(wanted, slices, others, drivers=DRIVERS).devices.results
    return [(result.request, result.device, result.consumed_capacity) for result in found]


def test_a_share_is_what_was_asked() -> None:
    (result,) = allocate(
        claim(request(cores="30", memory="4Gi")), [pool(gpu("a"))], [], drivers=DRIVERS
    ).devices.results
    assert (result.request, result.driver, result.pool, result.device) == ("main", DRIVER, "node", "a")
    assert result.consumed_capacity == {"cores": 30, "memory": 4 * GI}
    assert result.share_id is not None
    assert UUID(result.share_id).version == 4


@pytest.mark.parametrize(
    ("wanted", "consumed"),
    [
        (request(), 16 * GI),
        (request(memory="1"), 2**20),
        (request(memory="2097153"), 3 * 2**20),
        (request(memory="16Gi"), 16 * GI),
    ],
)
def test_absent_is_the_default_and_odd_amounts_are_rounded_up(wanted: kube.DeviceRequest, consumed: int) -> None:
    ((_, _, capacity),) = results(claim(wanted), pool(gpu("a")))
    assert capacity["memory"] == consumed


def test_two_requests_share_a_device_and_have_their_own_share_ids() -> None:
    wanted = claim(request("one", cores="30", memory="4Gi"), request("two", cores="60", memory="8Gi"))
    found = allocate(wanted, [pool(gpu("a"), gpu("b"))], [], drivers=DRIVERS).devices.results
    assert [result.device for result in found] == ["a", "a"]
    assert len({result.share_id for result in found}) == 2


def test_distinct_devices_on_request() -> None:
    constraint = kube.DeviceConstraint(distinct_attribute=f"{DRIVER}/uuid")
    wanted = claim(request("one", memory="1Gi", cores="1"), request("two", memory="1Gi"), constraints=[constraint])
    assert [device for _, device, _ in results(wanted, pool(gpu("a"), gpu("b")))] == ["a", "b"]
    equals = claim(request("one", cores="30", memory="1Gi"), request("two", cores="60", memory="1Gi"))
    assert [device for _, device, _ in results(equals, pool(gpu("a"), gpu("b")))] == ["a", "a"]
    distinct = claim(*(equals.spec.devices.requests or ()), constraints=[constraint])
    with pytest.raises(AllocationError, match=r"request two: node/a: its .*uuid is that of another device"):
        results(distinct, pool(gpu("a")))


def test_matching_attributes() -> None:
    constraint = kube.DeviceConstraint(match_attribute=f"{DRIVER}/uuid", requests=("one", "two"))
    wanted = claim(request("one", cores="60"), request("two", cores="60"), constraints=[constraint])
    with pytest.raises(AllocationError, match=r"node/a: cores: 60 needed, 40 free; node/b: its .*uuid differs"):
        results(wanted, pool(gpu("a"), gpu("b")))
    unknown = claim(request(), constraints=[kube.DeviceConstraint(match_attribute="example.org/x")])
    with pytest.raises(AllocationError, match=r"no attribute example.org/x"):
        results(unknown, pool(gpu("a")))


def test_devices_of_one_request_are_different_ones() -> None:
    assert [
        device for _, device, _ in results(claim(request(count=2, cores="10", memory="1Gi")), pool(gpu("a"), gpu("b")))
    ] == [
        "a",
        "b",
    ]
    with pytest.raises(AllocationError, match=r"request main: no device of gpu.example.com is left"):
        results(claim(request(count=2, cores="10", memory="1Gi")), pool(gpu("a")))


def test_what_others_hold_is_counted() -> None:
    slices = pool(gpu("a"), gpu("b"))
    others: list[kube.ResourceClaim] = []
    devices = []
    for _ in range(4):
        allocation = allocate(claim(request(cores="50", memory="8Gi")), [slices], others, drivers=DRIVERS)
        others.append(holding(allocation))
        devices.append(allocation.devices.results[0].device)
    assert devices == ["a", "a", "b", "b"]
    with pytest.raises(AllocationError) as error:
        results(claim(request(cores="50", memory="8Gi")), slices, others=others)
    assert str(error.value) == "request main: node/a: cores: 50 needed, 0 free; node/b: cores: 50 needed, 0 free"
    assert results(claim(request(cores="50", memory="8Gi")), slices, others=others[1:])[0][1] == "a"


def test_it_goes_back_when_the_first_choice_leaves_no_room() -> None:
    a_taken = holding(allocate(claim(request(cores="50", memory="8Gi")), [pool(gpu("a"))], [], drivers=DRIVERS))
    constraint = kube.DeviceConstraint(distinct_attribute=f"{DRIVER}/uuid")
    wanted = claim(request("small", cores="10", memory="1Gi"), request("whole"), constraints=[constraint])
    assert [device for _, device, _ in results(wanted, pool(gpu("b"), gpu("a")), others=[a_taken])] == ["a", "b"]


def test_unshared_devices_are_given_whole_and_once() -> None:
    slices = pool(gpu("a", shared=False))
    allocation = allocate(claim(request(memory="1Gi")), [slices], [], drivers=DRIVERS)
    (result,) = allocation.devices.results
    assert (result.share_id, result.consumed_capacity) == (None, {})
    with pytest.raises(AllocationError, match="allocated already and cannot be shared"):
        results(claim(request()), slices, others=[holding(allocation)])


def test_only_complete_pools_of_the_newest_generation_count() -> None:
    old, new = pool(gpu("old")), pool(gpu("new"), generation=2, count=2)
    with pytest.raises(AllocationError, match=r"no device of gpu.example.com is left"):
        results(claim(request()), old, new)
    second = pool(gpu("newer"), generation=2, count=2, name="r")
    assert results(claim(request()), old, new, second)[0][1] == "newer"


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (request(cores="101"), "node/a: cores: 101 asked, at most 100 can be had"),
        (request(memory="16385Mi"), "memory: 16385Mi asked, at most 16Gi can be had"),
        (request(tenants="1"), "node/a: it has no capacity tenants"),
        (request(count=33), "asks for 33 devices: at most 32"),
        (kube.DeviceRequest(name="main"), "neither `exactly` nor `firstAvailable`"),
        (
            kube.DeviceRequest(name="main", exactly=kube.ExactDeviceRequest(device_class_name="unknown")),
            "no device class unknown; there is gpu.example.com",
        ),
        (
            kube.DeviceRequest(
                name="main",
                exactly=kube.ExactDeviceRequest(device_class_name=CLASS, selectors=({"cel": {"expression": "true"}},)),
            ),
            "a CEL selector is left to the scheduler",
        ),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(wanted: kube.DeviceRequest, complaint: str) -> None:
    with pytest.raises(AllocationError) as error:
        results(claim(wanted), pool(gpu("a")))
    assert complaint in str(error.value)


def alternative(name: str, **capacity: str) -> kube.DeviceSubRequest:
    requests = {key: Quantity.parse(value) for key, value in capacity.items()}
    return kube.DeviceSubRequest(
        name=name, device_class_name=CLASS, capacity=kube.CapacityRequirements(requests=requests)
    )


def test_first_alternative_that_can_be_had_is_taken() -> None:
    main = kube.DeviceRequest(name="main", first_available=(alternative("large", cores="80"), alternative("small")))
    assert [name for name, _, _ in results(claim(main), pool(gpu("a")))] == ["main/large"]
    busy = holding(allocate(claim(request(cores="30", memory="1Gi")), [pool(gpu("a"))], [], drivers=DRIVERS))
    small = kube.DeviceRequest(
        name="main", first_available=(alternative("large"), alternative("small", cores="10", memory="1Gi"))
    )
    ((name, _, consumed),) = results(claim(small), pool(gpu("a")), others=[busy])
    assert (name, consumed) == ("main/small", {"cores": 10, "memory": GI})
    with pytest.raises(AllocationError, match="request main/large: node/a: cores: 100 needed, 70 free"):
        results(
            claim(kube.DeviceRequest(name="main", first_available=(alternative("large"),))),
            pool(gpu("a")),
            others=[busy],
        )


def test_earlier_request_makes_do_with_less_where_a_later_one_would_have_nothing() -> None:
    first = kube.DeviceRequest(
        name="one", first_available=(alternative("all", memory="1Gi"), alternative("half", cores="50", memory="1Gi"))
    )
    constraint = kube.DeviceConstraint(match_attribute=f"{DRIVER}/uuid", requests=("one", "two"))
    wanted = claim(first, request("two", cores="50", memory="1Gi"), constraints=[constraint])
    assert [name for name, _, _ in results(wanted, pool(gpu("a"), gpu("b")))] == ["one/half", "two"]


def exactly(**options: Any) -> kube.DeviceRequest:
    return kube.DeviceRequest(name="main", exactly=kube.ExactDeviceRequest(device_class_name=CLASS, **options))


def test_all_are_all_or_nothing() -> None:
    devices = pool(gpu("a"), gpu("b"), gpu("c"))
    assert [device for _, device, _ in results(claim(exactly(allocation_mode="All")), devices)] == ["a", "b", "c"]
    busy = holding(allocate(claim(request(cores="1", memory="1Gi")), [devices], [], drivers=DRIVERS))
    with pytest.raises(AllocationError, match="node/a: cores: 100 needed, 99 free"):
        results(claim(exactly(allocation_mode="All")), devices, others=[busy])
    with pytest.raises(AllocationError, match=r"there is no device of gpu.example.com"):
        results(claim(exactly(allocation_mode="All")))


def test_admin_access_takes_nothing_from_others() -> None:
    monitor = allocate(claim(exactly(admin_access=True)), [pool(gpu("a"))], [], drivers=DRIVERS)
    assert monitor.devices.results[0].admin_access
    assert results(claim(request()), pool(gpu("a")), others=[holding(monitor)])[0][2]["cores"] == 100


def test_a_hopeless_search_ends() -> None:
    requests = [request(f"r{n}", cores="1", memory="1Gi") for n in range(20)]
    with pytest.raises(AllocationError, match="nothing found in 100000 tries"):
        results(claim(*requests, request("impossible", cores="200")), pool(*(gpu(f"g{n}") for n in range(8))))


def test_configuration_of_the_claim_is_handed_on() -> None:
    opaque = kube.OpaqueDeviceConfiguration(driver=DRIVER, parameters={"kind": "ShareConfig"})
    devices = kube.DeviceClaim(
        requests=(request(),), config=(kube.DeviceClaimConfiguration(requests=("main",), opaque=opaque),)
    )
    wanted = kube.ResourceClaim(metadata=kube.ObjectMeta(name="c"), spec=kube.ResourceClaimSpec(devices=devices))
    (config,) = allocate(wanted, [pool(gpu("a"))], [], drivers=DRIVERS).devices.config
    assert (config.source, config.requests, config.opaque) == ("FromClaim", ("main",), opaque)


@given(st.integers(0, 50), st.integers(1, 10), st.integers(0, 20), st.integers(0, 1000))
def test_rounding_is_to_the_next_allowed_value(low: int, step: int, steps: int, asked: int) -> None:
    high = low + steps * step
    capacity = {"x": kube.DeviceCapacity(value=Quantity(high), request_policy=policy(low, low, high, step))}
    allowed = [value for value in range(low, high + 1, step) if value >= asked]
    if allowed:
        assert consumption({"x": Quantity(asked)}, capacity) == {"x": allowed[0]}
    else:
        with pytest.raises(Unfit):
            consumption({"x": Quantity(asked)}, capacity)


@pytest.mark.parametrize(("asked", "consumed"), [(None, 4), (1, 2), (2, 2), (3, 4), (9, None)])
def test_valid_values(asked: int | None, consumed: int | None) -> None:
    values: Any = tuple(map(Quantity, (2, 4, 8)))
    policy = kube.CapacityRequestPolicy(default=Quantity(4), valid_values=values)
    capacity = {"x": kube.DeviceCapacity(value=Quantity(8), request_policy=policy)}
    request = {} if asked is None else {"x": Quantity(asked)}
    if consumed is None:
        with pytest.raises(Unfit, match="at most 8"):
            consumption(request, capacity)
    else:
        assert consumption(request, capacity) == {"x": consumed}


def test_without_a_policy_any_amount_or_the_whole() -> None:
    capacity = {"x": kube.DeviceCapacity(value=Quantity(8))}
    assert consumption({}, capacity) == {"x": 8}
    assert consumption({"x": Quantity(3)}, capacity) == {"x": 3}
