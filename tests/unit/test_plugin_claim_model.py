"""From claims to containers, against a model that knows neither shares nor CDI.

The model reads a claim's allocation as a user would: who may use how much of which GPU. What is compared is what a
container has in the end, for every choice of a pod's claims and requests.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from hami_dra.gpu import Gpu
from hami_dra.kube import (
    AllocationResult,
    DeviceAllocationResult,
    DeviceRequestAllocationResult,
    ObjectMeta,
    Quantity,
    ResourceClaim,
    ResourceClaimStatus,
)
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.plugin.claims import shares_of
from hami_dra.shares import ClaimFiles, Limits, NodeEdits, Share, ShareFolders, SpecFiles, claim_spec

GIB = 2**30
GPUS = {f"hami-gpu-{n}": Gpu(uuid=f"GPU-{n}", minor=n, memory_bytes=8 * GIB + 999) for n in range(3)}
NODE = NodeEdits(
    version="0.5.0",
    common={},
    by_gpu={f"GPU-{n}": {"deviceNodes": [{"path": f"/dev/nvidia{n}"}]} for n in range(3)},
    library=Path("/opt/libvgpu.so"),
    preload=Path("/opt/ld.so.preload"),
    shares=Path("/host/shares"),
    hook=Path("/opt/v1/hami-dra-oci-hook"),
    nvml=Path("/usr/lib64/libnvidia-ml.so.1"),
)


@dataclass(frozen=True)
class Wish:
    """A request, one GPU that it was given, and how much of it; a `monitor` looks on."""

    request: str
    gpu: int
    cores: int
    memory: int
    monitor: bool


WISHES = st.builds(
    Wish,
    request=st.sampled_from(["a", "b", "c/small"]),
    gpu=st.integers(0, 2),
    cores=st.sampled_from([1, 30, 99, 100]),
    memory=st.sampled_from([2**20, 3 * GIB, 8 * GIB - 2**20, 8 * GIB]),
    monitor=st.booleans(),
)
POD = st.lists(st.lists(WISHES, min_size=1, max_size=4), min_size=1, max_size=3)


def allocated(number: int, wishes: list[Wish], allocation: int = 0) -> ResourceClaim:
    results = tuple(
        DeviceRequestAllocationResult(
            request=wish.request,
            driver="hami-core-gpu.project-hami.io",
            pool="node-1",
            device=f"hami-gpu-{wish.gpu}",
            admin_access=wish.monitor,
            share_id=str(UUID(int=1000 * allocation + 100 * number + place)),
            consumed_capacity={"cores": Quantity(wish.cores), "memory": Quantity(wish.memory)},
        )
        for place, wish in enumerate(wishes)
    )
    given_now = AllocationResult(devices=DeviceAllocationResult(results=results))
    return ResourceClaim(
        metadata=ObjectMeta(name=f"claim-{number}", namespace="team", uid=str(UUID(int=number + 1))),
        status=ResourceClaimStatus(allocation=given_now),
    )


def shares(claim: ResourceClaim) -> tuple[Share, ...]:
    ref = ClaimRef("team", claim.metadata.name, claim.metadata.uid)
    return shares_of(claim, ref, "node-1", GPUS)


def expected(wishes: list[Wish]) -> dict[int, int | None]:
    """What a container may take of each GPU that it sees, in bytes, None where nothing holds it back.

    Limits win: where one container has a GPU both within limits and without, it is held to the limits.
    """
    limits: dict[int, int | None] = {wish.gpu: None for wish in wishes}
    for wish in wishes:
        everything = wish.cores == 100 and wish.memory == 8 * GIB
        if not wish.monitor and not everything:
            limits[wish.gpu] = (limits[wish.gpu] or 0) + wish.memory
    return limits


def found(devices: list[dict[str, Any]], by_folder: dict[str, Limits]) -> dict[int, int | None]:
    """The same, read off the CDI devices of a container as a runtime and libvgpu.so would."""
    edits = [device["containerEdits"] for device in devices]
    visible = {int(node["path"].removeprefix("/dev/nvidia")) for edit in edits for node in edit["deviceNodes"]}
    mounts = {mount["containerPath"]: mount["hostPath"] for edit in edits for mount in edit.get("mounts", ())}
    limits: dict[int, int | None] = dict.fromkeys(visible)
    if "/etc/ld.so.preload" in mounts:
        assert "/usr/local/vgpu/libvgpu.so" in mounts
        held: defaultdict[int, int] = defaultdict(int)
        for path, host in mounts.items():
            if path.startswith("/run/hami-dra/shares/") and not path.endswith("/region"):
                assert mounts[f"{path}/region"] == f"{host}/region"
                limit = by_folder[host.removeprefix("/host/shares/")]
                held[int(limit.gpu_uuid.removeprefix("GPU-"))] += limit.memory
        limits.update(held)
    return limits


@settings(deadline=None)
@given(POD, st.data())
def test_container_has_what_its_claims_say_and_no_more(pod: list[list[Wish]], data: st.DataObject) -> None:
    wishes: list[Wish] = []
    devices: list[dict[str, Any]] = []
    by_folder: dict[str, Limits] = {}
    for number, claimed in enumerate(pod):
        granted = shares(allocated(number, claimed))
        spec = claim_spec(granted, NODE)
        by_folder |= {share.name: Limits.of(share) for share in granted if share.access == "limited"}
        named = data.draw(st.sets(st.sampled_from(sorted({wish.request for wish in claimed})), min_size=1))
        for wish, device in zip(claimed, spec["devices"], strict=True):
            if wish.request in named:
                wishes.append(wish)
                devices.append(device)
    assert found(devices, by_folder) == expected(wishes)


@settings(deadline=None)
@given(WISHES, st.lists(WISHES, max_size=3))
def test_share_is_not_moved_by_its_neighbours(wish: Wish, others: list[Wish]) -> None:
    (alone,) = shares(allocated(0, [wish]))
    assert shares(allocated(0, [wish, *others]))[0] == alone


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(WISHES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_files_are_those_of_the_last_allocation_however_it_came_about(allocations: list[list[Wish]]) -> None:
    steps = list(enumerate(allocations))
    assert files_after(steps) == files_after([*steps, steps[-1]]) == files_after(steps[-1:])


def files_after(allocations: list[tuple[int, list[Wish]]]) -> dict[str, bytes]:
    """All files of a claim that was allocated and prepared again and again."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        laid_out = ClaimFiles(ShareFolders(root / "shares"), SpecFiles(root / "cdi"))
        for number, wishes in allocations:
            laid_out.ensure(shares(allocated(0, wishes, number)), NODE)
        # A GPU's turns are no claim's: they stay.
        files = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        return {str(path): (root / path).read_bytes() for path in files if path.parts[0] != "turns"}
