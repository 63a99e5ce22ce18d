"""What users are told on the objects that they look at."""

import asyncio

from msgspec import structs

from hami_dra.kube import DeviceAllocationConfiguration, OpaqueDeviceConfiguration, ResourceClaimConsumerReference
from hami_dra.kubeletplugin import ClaimError, ClaimRef
from hami_dra.local.apiserver.permission import Permission
from hami_dra.plugin.node_events import NodeEvents
from tests.integration.test_plugin.node import DRIVER, NAME, Node, share, until

BARE = structs.replace(share("gpu", 0), consumed_capacity={})
POD = ResourceClaimConsumerReference(resource="pods", name="pod-0", uid="7c0ffee0-0000-4000-8000-000000000001")
JOB = ResourceClaimConsumerReference(api_group="batch", resource="jobs", name="job-0", uid="8")


async def reserve(node: Node, ref: ClaimRef, *consumers: ResourceClaimConsumerReference) -> None:
    claim = await node.kube.get_claim(ref.namespace, ref.name)
    status = structs.replace(claim.status, reserved_for=consumers)
    await node.kube.update_claim_status(structs.replace(claim, status=status))


async def refused(node: Node, claim: ClaimRef) -> str:
    (answer,) = await node.prepare(claim)
    assert isinstance(answer, ClaimError)
    return str(answer)


def told(node: Node) -> list[tuple[str, str]]:
    """Kind and name of what the Events are about, in order."""
    return [(event["involvedObject"]["kind"], event["involvedObject"]["name"]) for event in node.events()]


async def test_refused_claim_is_told_once_on_claim_and_pods_and_again_with_news(node: Node) -> None:
    claim = await node.claim("bare", BARE)
    await reserve(node, claim, POD, JOB)
    problem = await refused(node, claim)
    await until(lambda: told(node) == [("ResourceClaim", "bare"), ("Pod", "pod-0")], "Events on claim and pod")
    for event, uid in zip(node.events(), (claim.uid, POD.uid), strict=True):
        assert event["involvedObject"] | {"uid": uid, "namespace": "team"} == event["involvedObject"]
        assert event["metadata"]["namespace"] == "team"
        assert (event["type"], event["reason"]) == ("Warning", "ShareRefused")
        assert event["message"] == f"claim bare: {problem}"
    assert await refused(node, claim) == problem
    parameters = {"apiVersion": "hami.project-hami.io/v1alpha1", "kind": "ShareConfig", "cores": 3}
    config = DeviceAllocationConfiguration(
        source="FromClaim", opaque=OpaqueDeviceConfiguration(driver=DRIVER, parameters=parameters)
    )
    await node.allocate(await node.kube.get_claim("team", "bare"), BARE, config=(config,))
    assert "cores: a ShareConfig has no such field" in await refused(node, claim)
    await until(lambda: len(node.events()) == 3, "an Event with the news")
    assert told(node)[2] == ("ResourceClaim", "bare")  # which is reserved for nobody now


async def test_share_on_which_no_program_can_start_is_told_of(node: Node) -> None:
    claim = await node.claim("tiny", share("gpu", 0, memory=2**20), share("enough", 1))
    await reserve(node, claim, POD)
    await node.prepared(claim)
    await until(lambda: told(node) == [("ResourceClaim", "tiny"), ("Pod", "pod-0")], "Events on claim and pod")
    for event in node.events():
        assert (event["type"], event["reason"]) == ("Warning", "TooLittleMemory")
        assert event["message"].startswith("claim tiny: request gpu has 1Mi of GPU memory, too little for any CUDA")


async def test_next_process_does_not_tell_it_again(node: Node) -> None:
    claim = await node.claim("bare", BARE)
    await refused(node, claim)
    await until(lambda: len(node.events()) == 1, "an Event")
    await node.kill()
    await node.start()
    await refused(node, claim)
    other = await node.claim("other", BARE)
    await refused(node, other)
    await until(lambda: told(node) == [("ResourceClaim", "bare"), ("ResourceClaim", "other")], "the other's Event")
    assert "no Event" not in node.log.read_text()


async def test_event_that_could_not_be_posted_comes_with_the_next_refusal(node: Node) -> None:
    node.api.refused = {Permission("create", "", "events")}
    claim = await node.claim("bare", BARE)
    await refused(node, claim)
    await until(lambda: "no Event about a claim" in node.log.read_text(), "a warning")
    node.api.refused = set()
    await refused(node, claim)
    await until(lambda: told(node) == [("ResourceClaim", "bare")], "an Event")


async def test_of_much_news_of_the_node_what_came_last_is_told(idle_node: Node) -> None:
    events = NodeEvents(idle_node.kube, NAME)
    for number in range(300):
        events.tell("GpuUnusable", f"news {number}")
    posting = asyncio.create_task(events.run())
    await until(lambda: any(event["message"] == "news 299" for event in idle_node.events()), "the last news")
    assert [event["message"] for event in idle_node.events()] == [f"news {number}" for number in range(44, 300)]
    posting.cancel()
    await asyncio.wait([posting])
