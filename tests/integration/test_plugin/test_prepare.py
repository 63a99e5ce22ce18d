import asyncio
from pathlib import Path

from msgspec import structs

from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.shares import Limits, region
from tests.integration.test_plugin.node import DRIVER, GIB, NAME, Node, share


def environment(node: Node, claim: ClaimRef) -> dict[str, str]:
    """What a container that uses all of a claim has in its environment."""
    spec = node.spec(claim)
    edits = [spec["containerEdits"], *(device["containerEdits"] for device in spec["devices"])]
    return dict(entry.split("=", 1) for edit in edits for entry in edit.get("env", ()))


async def test_claim_of_two_gpus_has_the_right_limit_on_the_right_gpu_in_both_orders(node: Node) -> None:
    small, large = share("gpu-0", 0), share("gpu-1", 1, cores=60, memory=8 * GIB)
    for name, results in {"straight": (small, large), "crossed": (large, small)}.items():
        claim = await node.claim(name, *results)
        devices = await node.prepared(claim)
        assert [(device.requests, device.pool, device.device, device.share_id) for device in devices] == [
            ((result.request,), NAME, result.device, result.share_id) for result in results
        ]
        assert [device.cdi_device_ids for device in devices] == [
            (f"{DRIVER}/share={claim.uid}-{result.share_id}",) for result in results
        ]
        for result, cores, memory in ((small, 30, 4 * GIB), (large, 60, 8 * GIB)):
            limits = Limits.read(node.shares_dir / f"{claim.uid}-{result.share_id}")
            assert limits == Limits(node.gpu_uuid(result.device), memory, cores, "hard")
        shown = environment(node, claim)
        assert (shown["CUDA_DEVICE_MEMORY_LIMIT_0"], shown["CUDA_DEVICE_SM_LIMIT_0"]) == ("4096m", "30")
        assert (shown["CUDA_DEVICE_MEMORY_LIMIT_1"], shown["CUDA_DEVICE_SM_LIMIT_1"]) == ("8192m", "60")


async def test_spec_makes_the_gpu_visible_and_mounts_what_is_there(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 1))
    await node.prepared(claim)
    spec = node.spec(claim)
    (device,) = spec["devices"]
    assert [each["path"] for each in device["containerEdits"]["deviceNodes"]] == ["/dev/nvidia1"]
    mounts = {
        mount["containerPath"]: mount
        for edits in (spec["containerEdits"], device["containerEdits"])
        for mount in edits["mounts"]
    }
    for path in ("/usr/local/vgpu/libvgpu.so", "/etc/ld.so.preload", f"/run/hami-dra/shares/{device['name']}/region"):
        assert Path(mounts[path]["hostPath"]).read_bytes()
    assert mounts[f"/run/hami-dra/shares/{device['name']}"]["options"][0] == "ro"
    assert any(path.endswith("libcuda.so.580.65.06") for path in mounts)


async def test_prepared_twice_is_prepared_once(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    answer = await node.prepared(claim)
    before = [(path, path.stat().st_ino, path.stat().st_mtime_ns) for path in node.files(claim)]
    assert await node.prepared(claim) == answer
    assert [(path, path.stat().st_ino, path.stat().st_mtime_ns) for path in node.files(claim)] == before


async def test_whatever_was_deleted_comes_back(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    answer = await node.prepared(claim)
    files = [path for path in node.files(claim) if path.is_file()]
    assert len(files) == 5
    for lost in files:
        content = lost.read_bytes()
        lost.unlink()
        assert await node.prepared(claim) == answer
        if lost.name == "region":
            assert region.is_intact(lost)
        else:
            assert lost.read_bytes() == content


async def test_unprepare_leaves_nothing_and_may_come_at_any_time(node: Node) -> None:
    claim = await node.claim("double", share("gpu-0", 0), share("gpu-1", 1))
    other = await node.claim("other", share("gpu", 0))
    await node.unprepare(claim)
    await asyncio.gather(node.prepared(claim), node.prepared(other))
    await node.kube.delete_claim(claim.namespace, claim.name)
    await node.unprepare(claim)
    await node.unprepare(claim)
    assert node.files(claim) == []
    assert len(node.files(other)) == 7


async def test_claim_allocated_anew_loses_the_shares_of_its_earlier_allocation(node: Node) -> None:
    ref = await node.claim("single", share("gpu", 0))
    await node.prepared(ref)
    claim = await node.kube.get_claim(ref.namespace, ref.name)
    again = share("gpu", 1)
    await node.allocate(claim, again)
    await node.prepared(ref)
    assert [path.name for path in node.shares_dir.iterdir()] == [f"{ref.uid}-{again.share_id}"]
    assert [device["name"] for device in node.spec(ref)["devices"]] == [f"{ref.uid}-{again.share_id}"]


async def test_bad_claims_fail_one_by_one_and_the_good_ones_of_the_same_call_succeed(node: Node) -> None:
    good = await node.claim("good", share("gpu", 0))
    waiting = await node.claim("waiting")
    foreign = await node.claim("foreign", structs.replace(share("nic", 0), driver="net.example.com"))
    bare = await node.claim("bare", structs.replace(share("gpu", 0), consumed_capacity={}))
    gone = ClaimRef("team", "gone", "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10")
    replaced = ClaimRef("team", "good", gone.uid[:-1] + "1")
    answer, *refusals = await node.prepare(good, waiting, foreign, bare, gone, replaced)
    assert isinstance(answer, tuple)
    assert all(isinstance(refusal, ClaimError) for refusal in refusals)
    for refusal, reason in zip(
        refusals,
        ["not allocated", "net.example.com", "how much cores", "not found", "deleted and created anew"],
        strict=True,
    ):
        assert reason in str(refusal)
    for refused in (waiting, foreign, bare, gone, replaced):
        assert node.files(refused) == []


async def test_file_where_a_folder_should_be_is_a_clear_error_and_mends_itself(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    node.state_dir.mkdir()
    node.shares_dir.write_text("in the way")
    (refusal,) = await node.prepare(claim)
    assert "cannot be made" in str(refusal)
    assert str(node.shares_dir) in str(refusal)
    assert node.files(claim) == []
    node.shares_dir.unlink()
    await node.prepared(claim)


async def test_next_process_takes_over_what_a_killed_one_left(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    answer = await node.prepared(claim)
    before = [(path, path.stat().st_ino) for path in node.files(claim)]
    await node.kill()
    await node.start()
    assert await node.prepared(claim) == answer
    assert [(path, path.stat().st_ino) for path in node.files(claim)] == before
    await node.unprepare(claim)
    assert node.files(claim) == []
