"""The kubelet's gRPC methods as values: servers and clients of them share names and messages."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ._pb import dra_health_pb2, dra_pb2, pluginregistration_pb2

_log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Context: TypeAlias = grpc.aio.ServicerContext


@dataclass(frozen=True, slots=True)
class _Procedure(Generic[Request, Response]):
    """One remote procedure: its full name and what goes in and out."""

    service: str
    name: str
    request: type[Request]
    response: type[Response]

    @property
    def path(self) -> str:
        """What it is called by on the wire."""
        return f"/{self.service}/{self.name}"


class Method(_Procedure[Request, Response]):
    """A remote procedure that answers once."""

    __slots__ = ()

    def handler(self, serve: Callable[[Request, Context], Awaitable[Response]]) -> grpc.GenericRpcHandler:
        """Have `serve` answer this method on a server."""

        async def answer(data: bytes, context: Context) -> Response:
            return await serve(await _parse(self.path, self.request, data, context), context)

        unary = grpc.unary_unary_rpc_method_handler(answer, response_serializer=self.response.SerializeToString)
        return grpc.method_handlers_generic_handler(self.service, {self.name: unary})

    async def call(self, channel: grpc.aio.Channel, request: Request, seconds: float) -> Response:
        """Call this method of a server, for at most so many seconds; raises grpc.aio.AioRpcError."""
        unary = channel.unary_unary(
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )
        response: Response = await unary(request, timeout=seconds)
        return response


class StreamMethod(_Procedure[Request, Response]):
    """A remote procedure that answers again and again."""

    __slots__ = ()

    def handler(self, serve: Callable[[Request, Context], Awaitable[None]]) -> grpc.GenericRpcHandler:
        """Have `serve` answer this method on a server: by `write` of its context, until it returns."""

        async def answer(data: bytes, context: Context) -> None:
            await serve(await _parse(self.path, self.request, data, context), context)

        stream = grpc.unary_stream_rpc_method_handler(answer, response_serializer=self.response.SerializeToString)
        return grpc.method_handlers_generic_handler(self.service, {self.name: stream})

    async def call(self, channel: grpc.aio.Channel, request: Request) -> AsyncIterator[Response]:
        """Call this method of a server and yield its answers until it ends; raises grpc.aio.AioRpcError."""
        stream = channel.unary_stream(
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )
        async for response in stream(request):
            yield response


async def _parse(path: str, kind: type[Request], data: bytes, context: Context) -> Request:
    """Parse a request, or end the call. A parser that gRPC calls would have it log a traceback for any odd bytes."""
    try:
        return kind.FromString(data)
    except DecodeError:
        _log.warning("%s was called with %d bytes that are not a %s", path, len(data), kind.__name__)
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is not a {kind.__name__}")
    raise AssertionError("abort raises")


@dataclass(frozen=True, slots=True)
class DRAVersion:
    """One version of the DRAPlugin API. The kubelet knows it by `name`; the messages are those of v1."""

    name: str
    prepare: Method[dra_pb2.NodePrepareResourcesRequest, dra_pb2.NodePrepareResourcesResponse]
    unprepare: Method[dra_pb2.NodeUnprepareResourcesRequest, dra_pb2.NodeUnprepareResourcesResponse]
    has_share_ids: bool


def _dra_version(version: str, *, has_share_ids: bool) -> DRAVersion:
    service = f"k8s.io.kubelet.pkg.apis.dra.{version}.DRAPlugin"
    return DRAVersion(
        name=f"{version}.DRAPlugin",
        prepare=Method(
            service,
            "NodePrepareResources",
            dra_pb2.NodePrepareResourcesRequest,
            dra_pb2.NodePrepareResourcesResponse,
        ),
        unprepare=Method(
            service,
            "NodeUnprepareResources",
            dra_pb2.NodeUnprepareResourcesRequest,
            dra_pb2.NodeUnprepareResourcesResponse,
        ),
        has_share_ids=has_share_ids,
    )


@dataclass(frozen=True, slots=True)
class HealthVersion:
    """One version of the DRAResourceHealth API. The kubelet knows it by `name`; the messages are those of v1."""

    name: str
    watch: StreamMethod[dra_health_pb2.NodeWatchResourcesRequest, dra_health_pb2.NodeWatchResourcesResponse]


def _health_version(version: str) -> HealthVersion:
    name = f"{version}.DRAResourceHealth"
    return HealthVersion(
        name,
        StreamMethod(
            name,
            "NodeWatchResources",
            dra_health_pb2.NodeWatchResourcesRequest,
            dra_health_pb2.NodeWatchResourcesResponse,
        ),
    )


DRA_VERSIONS = (_dra_version("v1", has_share_ids=True), _dra_version("v1beta1", has_share_ids=False))
HEALTH_VERSIONS = (_health_version("v1"), _health_version("v1alpha1"))
"""Best first, the order in which they are offered to the kubelet."""

GET_INFO = Method(
    "pluginregistration.Registration",
    "GetInfo",
    pluginregistration_pb2.InfoRequest,
    pluginregistration_pb2.PluginInfo,
)
NOTIFY_REGISTRATION_STATUS = Method(
    "pluginregistration.Registration",
    "NotifyRegistrationStatus",
    pluginregistration_pb2.RegistrationStatus,
    pluginregistration_pb2.RegistrationStatusResponse,
)
