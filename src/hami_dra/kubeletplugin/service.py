"""The DRAPlugin service: the kubelet's calls become one call of the driver for each claim."""

from collections.abc import Iterable, Sequence
from functools import partial

import grpc

from ._pb import dra_pb2
from .calls import ClaimCalls
from .driver import ClaimError, ClaimRef, Driver, PreparedDevice
from .rpc import DRA_VERSIONS, Context, DRAVersion

_PATIENCE = 45.0
"""Seconds that the kubelet gives a call."""

_FOR_WORK = 0.95
"""Part of a call's time that the work may take; the rest is for telling the caller what was not done."""


class DRAService:
    """Serves every version of the DRAPlugin API from one driver."""

    versions = tuple(version.name for version in DRA_VERSIONS)
    """By the names that the kubelet knows, best first."""

    def __init__(self, driver: Driver, calls: ClaimCalls) -> None:
        self._driver = driver
        self._calls = calls

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

    async def _prepare(
        self, version: DRAVersion, request: dra_pb2.NodePrepareResourcesRequest, context: Context
    ) -> dra_pb2.NodePrepareResourcesResponse:
        async def devices(claim: ClaimRef) -> list[dra_pb2.Device]:
            return [_device(device, version) for device in await self._driver.prepare(claim)]

        answers = await self._calls.run(_references(request.claims), devices, _seconds(context))
        response = dra_pb2.NodePrepareResourcesResponse()
        for uid, answer in answers.items():
            if isinstance(answer, ClaimError):
                response.claims[uid].error = str(answer)
            else:
                response.claims[uid].devices.extend(answer)
        return response

    async def _unprepare(
        self, request: dra_pb2.NodeUnprepareResourcesRequest, context: Context
    ) -> dra_pb2.NodeUnprepareResourcesResponse:
        answers = await self._calls.run(_references(request.claims), self._driver.unprepare, _seconds(context))
        response = dra_pb2.NodeUnprepareResourcesResponse()
        for uid, answer in answers.items():
            response.claims[uid].error = str(answer) if isinstance(answer, ClaimError) else ""
        return response


def _references(claims: Iterable[dra_pb2.Claim]) -> list[ClaimRef]:
    return [ClaimRef(namespace=claim.namespace, name=claim.name, uid=claim.uid) for claim in claims]


def _seconds(context: Context) -> float:
    remaining = context.time_remaining()
    return _FOR_WORK * min(_PATIENCE, _PATIENCE if remaining is None else remaining)


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
