"""The DRAPlugin service: the kubelet's calls become one call of the driver for each claim."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import grpc

from ._pb import dra_pb2
from .driver import ClaimError, ClaimRef, Driver, PreparedDevice
from .locks import ClaimLocks
from .rpc import DRA_VERSIONS, DRAVersion

log = logging.getLogger(__name__)
T = TypeVar("T")


class DRAService:
    """Serves every version of the DRAPlugin API from one driver."""

    def __init__(self, driver: Driver, locks: ClaimLocks) -> None:
        self._driver = driver
        self._locks = locks
        self._running: set[asyncio.Task[object]] = set()

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return what a gRPC server needs to serve this."""
        return [
            handler
            for version in DRA_VERSIONS
            for handler in (
                version.prepare.handler(partial(self._prepare, version)),
                version.unprepare.handler(self._unprepare),
            )
        ]

    async def finish(self, grace: float) -> None:
        """Wait up to `grace` seconds for work whose caller has gone."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace)

    async def _prepare(
        self, version: DRAVersion, request: dra_pb2.NodePrepareResourcesRequest
    ) -> dra_pb2.NodePrepareResourcesResponse:
        answers = await self._for_each(request.claims, self._driver.prepare)
        response = dra_pb2.NodePrepareResourcesResponse()
        for uid, answer in answers.items():
            if isinstance(answer, ClaimError):
                response.claims[uid].error = str(answer)
            else:
                response.claims[uid].devices.extend(_device(device, version) for device in answer)
        return response

    async def _unprepare(
        self, request: dra_pb2.NodeUnprepareResourcesRequest
    ) -> dra_pb2.NodeUnprepareResourcesResponse:
        answers = await self._for_each(request.claims, self._driver.unprepare)
        response = dra_pb2.NodeUnprepareResourcesResponse()
        for uid, answer in answers.items():
            response.claims[uid].error = str(answer) if isinstance(answer, ClaimError) else ""
        return response

    async def _for_each(
        self, claims: Iterable[dra_pb2.Claim], work: Callable[[ClaimRef], Awaitable[T]]
    ) -> dict[str, T | ClaimError]:
        """Do the work for all claims at once and return, by claim UID, what came of each."""
        refs = [ClaimRef(namespace=claim.namespace, name=claim.name, uid=claim.uid) for claim in claims]
        tasks = [asyncio.create_task(self._for_one(ref, work)) for ref in refs]
        for task in tasks:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        # When the kubelet hangs up, the work goes on under its lock: half done, it would race with the retry.
        answers = await asyncio.shield(asyncio.gather(*tasks))
        return {ref.uid: answer for ref, answer in zip(refs, answers, strict=True)}

    async def _for_one(self, claim: ClaimRef, work: Callable[[ClaimRef], Awaitable[T]]) -> T | ClaimError:
        async with self._locks.of(claim.uid):
            try:
                if not (claim.namespace and claim.name and claim.uid):
                    raise ClaimError(f"the kubelet named a claim incompletely: {claim}")
                return await work(claim)
            except ClaimError as error:
                log.warning("claim %s/%s (%s): %s", claim.namespace, claim.name, claim.uid, error)
                return ClaimError(_one_line(str(error)))
            except Exception as error:
                log.exception("claim %s/%s (%s): unexpected error", claim.namespace, claim.name, claim.uid)
                return ClaimError(_one_line(f"unexpected {type(error).__name__}: {error}; see the driver's log"))


def _device(device: PreparedDevice, version: DRAVersion) -> dra_pb2.Device:
    return dra_pb2.Device(
        request_names=_main_requests(device.requests),
        pool_name=device.pool,
        device_name=device.device,
        cdi_device_ids=device.cdi_device_ids,
        share_id=device.share_id if version.has_share_ids else None,
    )


def _main_requests(requests: Sequence[str]) -> list[str]:
    """Leave out sub-requests: containers refer to `a`, whichever alternative `a/b` was allocated."""
    return [request.partition("/")[0] for request in requests]


def _one_line(text: str) -> str:
    """An event shows one line."""
    return " ".join(text.split())
