from prometheus_client.parser import text_string_to_metric_families

from tests.integration.test_plugin.container import Container, device_ids
from tests.integration.test_plugin.node import GIB, Node, share


async def metrics(node: Node) -> dict[tuple[str, str, str], float]:
    """The value of each sample that is a share's, by metric, claim and request."""
    families = text_string_to_metric_families(await node.get("/metrics"))
    samples = [sample for family in families for sample in family.samples if "claim" in sample.labels]
    return {(each.name, each.labels["claim"], each.labels["request"]): each.value for each in samples}


async def test_each_share_shows_what_it_was_granted_and_what_its_processes_hold(node: Node) -> None:
    idle = await node.claim("idle", share("gpu", 0, cores=10, memory=GIB))
    busy = await node.claim("busy", share("gpu-0", 0), share("gpu-1", 1, cores=60, memory=8 * GIB))
    await node.prepared(idle)
    async with Container(node, *await device_ids(node, busy)):
        assert await metrics(node) == {
            ("hami_dra_share_memory_granted_bytes", "idle", "gpu"): GIB,
            ("hami_dra_share_memory_granted_bytes", "busy", "gpu-0"): 4 * GIB,
            ("hami_dra_share_memory_granted_bytes", "busy", "gpu-1"): 8 * GIB,
            ("hami_dra_share_memory_limit_bytes", "idle", "gpu"): GIB,
            ("hami_dra_share_memory_limit_bytes", "busy", "gpu-0"): 4 * GIB,
            ("hami_dra_share_memory_limit_bytes", "busy", "gpu-1"): 8 * GIB,
            ("hami_dra_share_memory_used_bytes", "idle", "gpu"): 0,
            ("hami_dra_share_memory_used_bytes", "busy", "gpu-0"): 4 * GIB,
            ("hami_dra_share_memory_used_bytes", "busy", "gpu-1"): 8 * GIB,
            ("hami_dra_share_cores_granted_percent", "idle", "gpu"): 10,
            ("hami_dra_share_cores_granted_percent", "busy", "gpu-0"): 30,
            ("hami_dra_share_cores_granted_percent", "busy", "gpu-1"): 60,
            ("hami_dra_share_gpu_time_seconds_total", "idle", "gpu"): 0,
            ("hami_dra_share_gpu_time_seconds_total", "busy", "gpu-0"): 0,
            ("hami_dra_share_gpu_time_seconds_total", "busy", "gpu-1"): 0,
            **{
                (f"hami_dra_share_{name}", *request): value
                for name, value in (
                    ("memory_enforced", 1),
                    ("memory_overuse_bytes", 0),
                    ("containers_without_limit", 0),
                )
                for request in (("idle", "gpu"), ("busy", "gpu-0"), ("busy", "gpu-1"))
            },
        }
    assert (await metrics(node))["hami_dra_share_memory_used_bytes", "busy", "gpu-0"] == 0
    await node.unprepare(busy)
    assert {claim for _, claim, _ in await metrics(node)} == {"idle"}


async def test_whose_share_it_is_stands_in_the_labels(node: Node) -> None:
    granted = share("gpu", 1)
    claim = await node.claim("single", granted)
    await node.prepared(claim)
    families = {family.name: family for family in text_string_to_metric_families(await node.get("/metrics"))}
    (sample,) = families["hami_dra_share_memory_used_bytes"].samples
    assert sample.labels == {
        "namespace": "team",
        "claim": "single",
        "claim_uid": claim.uid,
        "request": "gpu",
        "share_id": granted.share_id,
        "gpu_uuid": node.gpu_uuid("hami-gpu-1"),
    }


async def test_what_a_tenant_writes_into_its_region_is_not_believed(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    (path,) = (path for path in node.files(claim) if path.name == "region")
    path.write_bytes(b"\xff" * 100)
    assert (await metrics(node))["hami_dra_share_memory_used_bytes", "single", "gpu"] == 0
    path.with_name("limits").unlink()
    assert await metrics(node) == {}


async def test_a_share_whose_limits_cannot_be_read_does_not_hide_the_others(node: Node) -> None:
    broken, sound = await node.claim("broken", share("gpu", 0)), await node.claim("sound", share("gpu", 1))
    await node.prepared(broken)
    await node.prepared(sound)
    (path,) = (path for path in node.files(broken) if path.name == "limits")
    path.write_bytes(b"\xff\n")
    assert {claim for _, claim, _ in await metrics(node)} == {"sound"}


async def test_it_says_that_it_lives(node: Node) -> None:
    assert await node.get("/healthz") == "ok\n"
