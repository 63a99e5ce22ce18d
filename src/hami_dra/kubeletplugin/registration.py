"""The Registration service: tells the kubelet who serves where, and us what the kubelet thinks of it."""

import logging
from collections.abc import Sequence
from pathlib import Path

import grpc

from ._pb.pluginregistration_pb2 import InfoRequest, PluginInfo, RegistrationStatus, RegistrationStatusResponse
from .rpc import GET_INFO, NOTIFY_REGISTRATION_STATUS, Context

_log = logging.getLogger(__name__)


class RegistrationService:
    """Introduces the driver `name`, which serves the APIs `versions` at the socket `endpoint`.

    `refusal` is why the kubelet did not register it, where that has said so.
    """

    def __init__(self, name: str, endpoint: Path, versions: Sequence[str]) -> None:
        self._name = name
        self._endpoint = endpoint
        self._versions = versions
        self.refusal = ""
        self.is_registered = False

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Return what a gRPC server needs to serve this."""
        return [GET_INFO.handler(self._get_info), NOTIFY_REGISTRATION_STATUS.handler(self._notify)]

    async def _get_info(self, _: InfoRequest, __: Context) -> PluginInfo:
        return PluginInfo(
            type="DRAPlugin", name=self._name, endpoint=str(self._endpoint), supported_versions=self._versions
        )

    async def _notify(self, status: RegistrationStatus, _: Context) -> RegistrationStatusResponse:
        self.is_registered = status.plugin_registered
        if status.plugin_registered:
            _log.info("the kubelet registered %s", self._name)
            self.refusal = ""
        elif status.error != self.refusal:  # the kubelet tries again and again
            self.refusal = status.error
            _log.error(
                "the kubelet did not register %s: %r. Check that %s has the same path on the host, that no other "
                "driver has this name, and that the kubelet knows one of these API versions: %s",
                self._name,
                status.error,
                self._endpoint,
                ", ".join(self._versions),
            )
        return RegistrationStatusResponse()
