"""The Registration service: tells the kubelet who serves where, and us what the kubelet thinks of it."""

import logging
from pathlib import Path

import grpc

from ._pb.pluginregistration_pb2 import InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse
from .rpc import DRA_VERSIONS, GET_INFO, NOTIFY_REGISTRATION_STATUS

log = logging.getLogger(__name__)


class RegistrationService:
    """Introduces the driver `name`, which serves at the socket `endpoint`."""

    def __init__(self, name: str, endpoint: Path) -> None:
        self._name = name
        self._endpoint = endpoint

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return what a gRPC server needs to serve this."""
        return [GET_INFO.handler(self._get_info), NOTIFY_REGISTRATION_STATUS.handler(self._notify)]

    async def _get_info(self, _: InfoRequest) -> PluginInfo:
        return PluginInfo(
            type="DRAPlugin",
            name=self._name,
            endpoint=str(self._endpoint),
            supported_versions=[version.name for version in DRA_VERSIONS],
        )

    async def _notify(self, status: RegistrationStatus) -> RegistrationStatusResponse:
        if status.plugin_registered:
            log.info("the kubelet registered %s", self._name)
        else:
            log.error(
                "the kubelet did not register %s: %s. Check that %s has the same path on the host, that no other "
                "driver has this name, and that the kubelet knows one of these API versions: %s",
                self._name,
                status.error,
                self._endpoint,
                ", ".join(version.name for version in DRA_VERSIONS),
            )
        return RegistrationStatusResponse()
