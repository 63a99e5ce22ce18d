"""The DRAResourceHealth service: what the driver knows of its devices, streamed to each kubelet that watches."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing

import grpc

from ._pb import dra_health_pb2
from .driver import DeviceHealth, HealthSource, HealthStatus
from .rpc import HEALTH_VERSIONS, Context

_log = logging.getLogger(__name__)

_STATUS = {
    HealthStatus.UNKNOWN: dra_health_pb2.UNKNOWN,
    HealthStatus.HEALTHY: dra_health_pb2.HEALTHY,
    HealthStatus.UNHEALTHY: dra_health_pb2.UNHEALTHY,
}


class HealthService:
    """Serves every version of the health API from one source; without a source, none."""

    def __init__(self, source: HealthSource | None) -> None:
        self._source = source
        self._streams: set[asyncio.Task[None]] = set()

    @property
    def versions(self) -> list[str]:
        """The API versions that are served, by the names that the kubelet knows."""
        return [version.name for version in HEALTH_VERSIONS] if self._source else []

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return what a gRPC server needs to serve this."""
        return [version.watch.handler(self._watch) for version in HEALTH_VERSIONS] if self._source else []

    def stop(self) -> None:
        """End the streams, which would not end by themselves."""
        for stream in self._streams:
            stream.cancel()

    async def _watch(self, _: dra_health_pb2.NodeWatchResourcesRequest, context: Context) -> None:
        # A task of its own, which can be ended without ending the call: gRPC would leave the kubelet without an answer.
        stream = asyncio.create_task(self._send(context))
        self._streams.add(stream)
        try:
            await asyncio.wait([stream])
        finally:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)
            self._streams.discard(stream)
        if not stream.cancelled() and (error := stream.exception()):
            _log.error("the health of devices cannot be told", exc_info=error)
            problem = f"unexpected {type(error).__name__}; see the driver's log"
            await context.abort(grpc.StatusCode.INTERNAL, problem)

    async def _send(self, context: Context) -> None:
        assert self._source is not None
        async with aclosing(self._source()) as reports:
            async for report in reports:
                await context.write(_response(report))


def _response(report: Sequence[DeviceHealth]) -> dra_health_pb2.NodeWatchResourcesResponse:
    return dra_health_pb2.NodeWatchResourcesResponse(
        devices=[
            dra_health_pb2.DeviceHealth(
                device=dra_health_pb2.DeviceIdentifier(pool_name=each.pool, device_name=each.device),
                health=_STATUS[each.status],
                last_updated_time=int(each.checked.timestamp()),
                health_check_timeout_seconds=each.timeout_seconds or 0,
                message=each.message,
            )
            for each in report
        ]
    )
