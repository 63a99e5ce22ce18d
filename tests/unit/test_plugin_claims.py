import pytest
from msgspec import structs

from hami_dra.gpu import Gpu
from hami_dra.kube import (
    AllocationResult,
    DeviceAllocationConfiguration,
    DeviceAllocationResult,
    DeviceRequestAllocationResult,
    ObjectMeta,
    OpaqueDeviceConfiguration,
    Quantity,
    ResourceClaim,
    ResourceClaimStatus,
)
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.plugin.claims import shares_of
from hami_dra.plugin.share_config import API_VERSION, KIND

REF = ClaimRef("team", "double", "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10")
SHARE_ID = "5f3f9a0c-9f0e-4a56-8b0d-7d2a4c3b1e00"
GPUS = {f"hami-gpu-{minor}": Gpu(uuid=f"GPU-{minor}", minor=minor, memory_bytes=16 * 2**30) for minor in range(2)}
RESULT = DeviceRequestAllocationResult(
    request="gpu-0",
    driver="hami-core-gpu.project-hami.io",
    pool="node-1",
    device="hami-gpu-1",
    share_id=SHARE_ID,
    consumed_capacity={"cores": Quantity(30), "memory": Quantity(4 * 2**30)},
)
FOREIGN = DeviceRequestAllocationResult(request="nic", driver="net.example.com", pool="p", device="d")


def claim(
    *results: DeviceRequestAllocationResult,
    uid: str = REF.uid,
    config: tuple[DeviceAllocationConfiguration, ...] = (),
) -> ResourceClaim:
    allocation = AllocationResult(devices=DeviceAllocationResult(results=results, config=config)) if results else None
    return ResourceClaim(
        metadata=ObjectMeta(name=REF.name, namespace=REF.namespace, uid=uid),
        status=ResourceClaimStatus(allocation=allocation),
    )


def refusal(refused: ResourceClaim) -> str:
    with pytest.raises(ClaimError) as error:
        shares_of(refused, REF, "node-1", GPUS)
    return str(error.value)


def test_share_is_what_the_allocation_says() -> None:
    (share,) = shares_of(claim(FOREIGN, RESULT), REF, "node-1", GPUS)
    assert structs.asdict(share) == {
        "claim_namespace": "team",
        "claim_name": "double",
        "claim_uid": REF.uid,
        "request": "gpu-0",
        "share_id": SHARE_ID,
        "pool": "node-1",
        "device": "hami-gpu-1",
        "gpu_uuid": "GPU-1",
        "cores": 30,
        "memory": 4 * 2**30,
        "access": "limited",
        "log_level": None,
        "compute_policy": "hard",
        "priority": "low",
        "memory_enforcement": "library",
    }
    assert share.name == f"{REF.uid}-{SHARE_ID}"


def test_share_is_held_as_its_parameters_say() -> None:
    parameters = {"apiVersion": API_VERSION, "kind": KIND, "computePolicy": "off", "priority": "high", "logLevel": 4}
    opaque = OpaqueDeviceConfiguration(driver=RESULT.driver, parameters=parameters)
    config = (DeviceAllocationConfiguration(source="FromClaim", requests=("gpu-0",), opaque=opaque),)
    other = structs.replace(RESULT, request="gpu-1", share_id=SHARE_ID[:-1] + "1")
    shares = shares_of(claim(RESULT, other, config=config), REF, "node-1", GPUS)
    assert [(share.compute_policy, share.priority, share.log_level) for share in shares] == [
        ("off", "high", 4),
        ("hard", "low", None),
    ]


def test_one_gpu_may_be_had_twice() -> None:
    again = structs.replace(RESULT, request="gpu-1/small", share_id=SHARE_ID[:-1] + "1")
    assert [share.request for share in shares_of(claim(RESULT, again), REF, "node-1", GPUS)] == ["gpu-0", "gpu-1/small"]


def test_one_share_is_not_two() -> None:
    assert "request gpu-1: the allocation has the shareID" in refusal(
        claim(structs.replace(RESULT, request="gpu-1"), structs.replace(RESULT, request="gpu-1", device="hami-gpu-0"))
    )


ODD = Gpu(uuid="GPU-odd", minor=0, memory_bytes=16 * 2**30 + 12345)


@pytest.mark.parametrize(
    ("cores", "memory", "access"),
    [
        (100, 16 * 2**30, "whole"),
        (99, 16 * 2**30, "limited"),
        (100, 16 * 2**30 - 2**20, "limited"),
        (1, 2**20, "limited"),
    ],
)
def test_whoever_has_all_that_is_offered_has_the_whole_gpu(cores: int, memory: int, access: str) -> None:
    consumed = {"cores": Quantity(cores), "memory": Quantity(memory)}
    result = structs.replace(RESULT, device="hami-gpu-0", consumed_capacity=consumed)
    (share,) = shares_of(claim(result), REF, "node-1", {"hami-gpu-0": ODD})
    assert (share.access, share.cores, share.memory) == (access, cores, memory)


def test_gpu_that_was_replaced_by_a_larger_one_is_not_given_whole() -> None:
    consumed = {"cores": Quantity(100), "memory": Quantity(8 * 2**30)}
    (share,) = shares_of(claim(structs.replace(RESULT, consumed_capacity=consumed)), REF, "node-1", GPUS)
    assert share.access == "limited"


@pytest.mark.parametrize("consumed", [{}, RESULT.consumed_capacity])
def test_admin_access_is_not_counted(consumed: dict[str, Quantity]) -> None:
    result = structs.replace(RESULT, admin_access=True, consumed_capacity=consumed)
    (share,) = shares_of(claim(result), REF, "node-1", GPUS)
    assert (share.access, share.cores, share.memory) == ("monitor", 0, 0)


def test_uid_becomes_a_path_and_so_must_be_one() -> None:
    with pytest.raises(ClaimError, match="is not a UUID"):
        shares_of(claim(RESULT, uid="../../etc"), ClaimRef("team", "double", "../../etc"), "node-1", GPUS)


def test_claim_that_is_not_the_asked_one() -> None:
    assert "UID another and not" in refusal(claim(RESULT, uid="another"))


def test_claim_without_allocation() -> None:
    assert "not allocated" in refusal(claim())


def test_claim_of_other_drivers_alone() -> None:
    assert "its drivers: net.example.com" in refusal(claim(FOREIGN))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pool": "node-2"}, "in pool node-2, not node-1"),
        (
            {"device": "hami-gpu-7"},
            "no device hami-gpu-7 on this node now, its GPU may have gone; there are: hami-gpu-0",
        ),
        ({"share_id": None}, "no shareID: enable the feature gate DRAConsumableCapacity"),
        ({"share_id": "../../../etc"}, "'../../../etc' is not a UUID"),
        ({"consumed_capacity": {}}, "how much cores it has: enable the feature gate DRAConsumableCapacity"),
        ({"consumed_capacity": {"cores": Quantity(30)}}, "how much memory it has"),
    ],
)
def test_allocation_that_does_not_say_what_to_grant(change: dict[str, object], reason: str) -> None:
    message = refusal(claim(structs.replace(RESULT, **change)))
    assert message.startswith("request gpu-0: ")
    assert reason in message


@pytest.mark.parametrize(
    ("capacity", "amount"),
    [("cores", 0), ("cores", -1), ("cores", 101), ("memory", 0), ("memory", 2**20 - 1), ("memory", 16 * 2**30 + 1)],
)
def test_amount_that_is_nothing_or_more_than_there_is(capacity: str, amount: int) -> None:
    absurd = structs.replace(RESULT, consumed_capacity=RESULT.consumed_capacity | {capacity: Quantity(amount)})
    assert f"of {capacity}, which is not from" in refusal(claim(absurd))
