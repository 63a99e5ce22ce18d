"""What is told of shares whose memory is not held, to an API server over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hami_dra.kube import KubeClient, ObjectMeta, ResourceClaim
from hami_dra.local.apiserver import ApiServer
from hami_dra.local.apiserver.kinds import EVENT
from hami_dra.plugin.events import ClaimEvents
from hami_dra.plugin.memory_news import MemoryNews
from hami_dra.plugin.share_memory import ShareMemory
from hami_dra.plugin.status_reports import StatusReports
from hami_dra.shares import Share, ShareFolders

GIB = 2**30
NODE = "node-1"


class Told:
    """The shares of a claim, as they stand in turn, and the Events that come of it."""

    def __init__(self, api: ApiServer, news: MemoryNews, claim: ResourceClaim) -> None:
        self._api = api
        self._news = news
        self._claim = claim
        self._memory: dict[str, ShareMemory] = {}

    def stands(self, request: str, overuse: int) -> None:
        """Have it found that a request's share is overused by so many GiB."""
        share = Share(
            claim_namespace="team",
            claim_name="claim",
            claim_uid=self._claim.metadata.uid,
            request=request,
            share_id=request,
            pool=NODE,
            device="hami-gpu-0",
            gpu_uuid=f"GPU-of-{request}",
            cores=30,
            memory=4 * GIB,
        )
        before, self._memory = self._memory, self._memory | {share.name: ShareMemory(share, GIB, overuse=overuse * GIB)}
        self._news.look(before, self._memory, ())

    def overuses(self, request: str) -> list[str]:
        """By how much the share is overused that Events tell of."""
        messages = [event["message"] for event in self._api.store.list(EVENT, lambda _: True)]
        return [message.split()[5] for message in messages if f"GPU-of-{request} " in message]

    async def until(self, request: str, *overuses: str) -> None:
        async with asyncio.timeout(20):
            while self.overuses(request) != list(overuses):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[Told]:
    async with ApiServer() as api, KubeClient.from_url(api.url) as kube:
        claim = await kube.create_claim(ResourceClaim(metadata=ObjectMeta(name="claim", namespace="team")))
        events, folders = ClaimEvents(kube, NODE), ShareFolders(folder)
        reports = StatusReports(kube, NODE, lambda share: ShareMemory(share, share.memory), lambda _: "")
        news = MemoryNews(kube, folders, reports, events, None)
        running = [asyncio.create_task(each) for each in (news.run(), events.run())]
        try:
            yield Told(api, news, claim)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def test_overuse_that_comes_and_goes_is_told_of_three_times_in_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("hami_dra.plugin.pace.monotonic", lambda: now)
    async with telling(tmp_path) as told:
        for times in (1, 2, 3):
            told.stands("restless", times)
            await told.until("restless", *("1Gi", "2Gi", "3Gi")[:times])
            told.stands("restless", 0)
        told.stands("restless", 4)
        told.stands("other", 1)
        await told.until("other", "1Gi")
        assert told.overuses("restless") == ["1Gi", "2Gi", "3Gi"]
        now += 600
        told.stands("restless", 4)  # as before, and so that is no news, but has not been told
        await told.until("restless", "1Gi", "2Gi", "3Gi", "4Gi")


async def test_what_had_to_wait_is_not_told_when_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("hami_dra.plugin.pace.monotonic", lambda: now)
    monkeypatch.setattr("hami_dra.plugin.memory_news._MOST_EVENTS", 1)
    async with telling(tmp_path) as told:
        for overuse in (1, 0, 2):
            told.stands("restless", overuse)
            await told.until("restless", "1Gi")
        told.stands("other", 1)
        await told.until("other", "1Gi")
        told.stands("restless", 0)
        now += 600
        told.stands("third", 1)
        await told.until("third", "1Gi")
        assert told.overuses("restless") == ["1Gi"]
