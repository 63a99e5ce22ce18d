"""The kubelet's gRPC methods as values: servers and clients of them share names and messages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc
from google.protobuf.message import Message

from ._pb import dra_pb2, pluginregistration_pb2

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Response]):
    """One remote procedure: its full name and what goes in and out."""

    service: str
    name: str
    request: type[Request]
    response: type[Response]

    def handler(self, serve: Callable[[Request], Awaitable[Response]]) -> grpc.GenericRpcHandler:
        """Have `serve` answer this method on a server."""

        async def answer(request: Request, _: grpc.aio.ServicerContext) -> Response:
            return await serve(request)

        unary = grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=self.request.FromString, response_serializer=self.response.SerializeToString
        )
        return grpc.method_handlers_generic_handler(self.service, {self.name: unary})

    async def call(self, channel: grpc.aio.Channel, request: Request, seconds: float) -> Response:
        """Call this method of a server, for at most so many seconds; raises grpc.aio.AioRpcError."""
        unary = channel.unary_unary(
            f"/{self.service}/{self.name}",
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )
        response: Response = await unary(request, timeout=seconds)
        return response


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


DRA_VERSIONS = (_dra_version("v1", has_share_ids=True), _dra_version("v1beta1", has_share_ids=False))
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
