"""What a claim's status says of its shares."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from hami_dra.gpu import Gpu
from hami_dra.kube import KubeClient, ResourceClaim
from hami_dra.kubeletplugin import ClaimRef
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.apiserver.kinds import RESOURCE_CLAIM
from hami_dra.local.apiserver.permission import Permission
from hami_dra.plugin.claims import shares_of
from hami_dra.plugin.events import ClaimEvents
from hami_dra.plugin.health_news import HealthNews
from hami_dra.plugin.share_memory import ShareMemory
from hami_dra.plugin.status_reports import StatusReports
from hami_dra.shares import ShareFolders
from tests.integration.test_plugin.node import DRIVER, GIB, NAME, Node, share, until, whole

WRITE = Permission("patch", "resource.k8s.io", "resourceclaims/status")


def devices(node: Node, claim: ClaimRef) -> list[dict[str, Any]]:
    """A claim's `status.devices`, as the API server has it."""
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)
    return list(found["status"].get("devices", []))


async def test_prepared_claim_says_what_each_share_was_given_until_it_is_unprepared(node: Node) -> None:
    results = share("small", 0), whole("large", 1)
    claim = await node.claim("double", *results)
    await node.prepared(claim)
    await until(lambda: len(devices(node, claim)) == 2, "status of the claim")
    small, large = devices(node, claim)
    for device, result in ((small, results[0]), (large, results[1])):
        assert [device[field] for field in ("driver", "pool", "device", "shareID")] == [
            DRIVER,
            NAME,
            result.device,
            result.share_id,
        ]
        ready, *others = device["conditions"]
        assert [each["type"] for each in others] == (["MemoryLimited"] if device is small else [])
        assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "True", "Prepared")
    assert small["data"] == {
        "apiVersion": "hami.project-hami.io/v1alpha1",
        "kind": "ShareStatus",
        "gpuUUID": node.gpu_uuid("hami-gpu-0"),
        "access": "limited",
        "cores": 30,
        "memory": "4Gi",
        "computePolicy": "hard",
        "priority": "low",
        "memoryEnforcement": "library",
    }
    assert (
        small["conditions"][0]["message"] == f"4Gi of the memory and 30 % of the cores of {node.gpu_uuid('hami-gpu-0')}"
    )
    assert large["conditions"][0]["message"] == f"all of {node.gpu_uuid('hami-gpu-1')}"
    await node.unprepare(claim)
    await until(lambda: devices(node, claim) == [], "nothing said of the claim")


async def test_what_is_said_already_is_not_written_again(node: Node) -> None:
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    await until(lambda: devices(node, claim) != [], "status of the claim")
    other = await node.claim("other", share("gpu", 0))
    before = node.api.store.get(RESOURCE_CLAIM, "team", "single")
    await node.prepared(claim)
    await node.prepared(other)
    await until(lambda: devices(node, other) != [], "status of a claim that was prepared later")
    assert node.api.store.get(RESOURCE_CLAIM, "team", "single") == before


async def test_other_drivers_have_their_say_beside_it(node: Node) -> None:
    foreign = {"driver": "net.example.com", "pool": NAME, "device": "nic-0", "conditions": None}
    claim = await node.claim("both", share("gpu", 0))
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)
    found["status"]["allocation"]["devices"]["results"].append({"request": "nic", **foreign})
    found["status"]["devices"] = [foreign]
    node.api.store.replace(RESOURCE_CLAIM, claim.namespace, claim.name, found)
    await node.prepared(claim)
    await until(lambda: [each["driver"] for each in devices(node, claim)] == [foreign["driver"], DRIVER], "both")
    await node.unprepare(claim)
    await until(lambda: devices(node, claim) == [foreign], "the other's alone")


async def test_claim_is_prepared_while_its_status_cannot_be_written_and_that_is_made_up_for(node: Node) -> None:
    node.api.refused = {WRITE}
    claim = await node.claim("single", share("gpu", 0))
    await node.prepared(claim)
    await until(lambda: "status.devices is tried again later" in node.log.read_text(), "a warning")
    assert devices(node, claim) == []
    await node.kill()
    node.api.refused = set()
    await node.start()
    await until(lambda: devices(node, claim) != [], "status of the claim")


async def test_cluster_without_the_feature_is_told_of_once(node: Node) -> None:
    def times_told() -> int:
        return node.log.read_text().count("enable the feature gate DRAResourceClaimDeviceStatus")

    node.api.device_status = False
    await node.prepared(await node.claim("one", share("gpu", 0)))
    await until(lambda: times_told() == 1, "word of the feature gate")
    node.api.asked.clear()
    await node.prepared(await node.claim("two", share("gpu", 0)))
    await until(lambda: WRITE in node.api.asked, "the second claim's status")
    node.api.device_status = True
    await node.prepared(await node.claim("three", share("gpu", 0)))
    await until(lambda: devices(node, ClaimRef("team", "three", "")) != [], "status of the claim")
    assert times_told() == 1


async def test_claim_that_has_gone_is_let_go(node: Node) -> None:
    claim = await node.claim("gone", share("gpu", 0))
    await node.prepared(claim)
    await until(lambda: devices(node, claim) != [], "status of the claim")
    await node.kube.delete_claim(claim.namespace, claim.name)
    again = await node.claim("gone", share("gpu", 0))
    await node.prepared(again)
    await node.unprepare(claim)
    await until(lambda: devices(node, again) != [], "status of the claim that came after it")
    other = await node.claim("other", share("gpu", 0))
    await node.prepared(other)
    await until(lambda: devices(node, other) != [], "status of another claim")
    assert devices(node, again) != []
    assert "later" not in node.log.read_text()


async def test_shares_are_told_in_the_order_of_the_allocation_whoever_reads_them(node: Node) -> None:
    results = [share(f"request-{number}", number % 2, cores=5, memory=GIB) for number in range(8)]
    claim = await node.claim("many", *results)
    await node.prepared(claim)
    await node.kill()
    found = node.api.store.get(RESOURCE_CLAIM, claim.namespace, claim.name)
    found["status"].pop("devices", None)
    node.api.store.replace(RESOURCE_CLAIM, claim.namespace, claim.name, found)
    await node.start()
    await until(lambda: devices(node, claim) != [], "status of the claim, from the sweep")
    assert [each["shareID"] for each in devices(node, claim)] == [result.share_id for result in results]


class Watched(KubeClient):
    """A client that remembers of which claims it was to write the status."""

    written: ClassVar[list[str]] = []

    async def apply_claim_status(self, claim: ResourceClaim, field_manager: str) -> ResourceClaim:
        self.written.append(claim.metadata.name)
        return await super().apply_claim_status(claim, field_manager)


async def test_what_may_not_be_taken_back_of_unprepared_claims_is_let_go() -> None:
    async with ApiServer() as api, Watched.from_url(api.url) as kube:
        api.refused = {WRITE}
        reports = StatusReports(kube, NAME, lambda share: ShareMemory(share, share.memory), lambda _: "")
        running = asyncio.create_task(reports.run())
        for name in ("one", "two", "three"):
            reports.unprepared(ClaimRef("team", name, f"uid-of-{name}"))
            await until(lambda: name in kube.written, "an attempt")  # noqa: B023 - called before the next name
        assert kube.written == ["one", "two", "three"]
        running.cancel()
        await asyncio.wait([running])


class Overtaken(KubeClient):
    """A client during whose answer the claim that it reads is unprepared."""

    unprepare: Callable[[], None]

    async def get_claim(self, namespace: str, name: str) -> ResourceClaim:
        found = await super().get_claim(namespace, name)
        self.unprepare()
        return found


async def test_claim_that_is_unprepared_while_its_gpu_falls_ill_says_nothing(idle_node: Node) -> None:
    node = idle_node
    claim = await node.claim("single", share("gpu", 0))
    folders = ShareFolders(node.shares_dir)
    found = await node.kube.get_claim("team", "single")
    gpu = Gpu("GPU-0", 0, 16 * GIB)
    (given,) = shares_of(found, claim, NAME, {"hami-gpu-0": gpu})
    folders.ensure(given)
    async with Overtaken.from_url(node.api.url) as kube:
        reports = StatusReports(kube, NAME, lambda share: ShareMemory(share, share.memory), lambda _: "lost")
        news = HealthNews(kube, folders, reports, ClaimEvents(kube, NAME), lambda _: "lost")

        def unprepare() -> None:
            folders.remove_claim(claim.uid)
            reports.unprepared(claim)

        kube.unprepare = unprepare
        jobs = [asyncio.create_task(job) for job in (reports.run(), news.run())]
        news.look()
        await until(lambda: WRITE in node.api.asked, "what was last to be said of the claim")
        assert devices(node, claim) == []
        for job in jobs:
            job.cancel()
        await asyncio.wait(jobs)
