"""gRPC servers on unix sockets that replace what a killed process left and leave nothing themselves."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import grpc

_LONGEST_PATH = 107
"""Bytes of a unix socket's path (sockaddr_un without its closing zero)."""


class SocketError(OSError):
    """A socket cannot be made where the kubelet expects it; the text says why and what to do."""


def socket_path(folder: Path, name: str) -> Path:
    """Return the absolute path of a socket in `folder`, its name replaced by a hash where it would be too long.

    Raises SocketError when even that does not fit.
    """
    short = hashlib.blake2b(name.encode(), digest_size=8).hexdigest() + ".sock"
    for candidate in (name, short):
        path = folder.absolute() / candidate
        if len(bytes(path)) <= _LONGEST_PATH:
            return path
    raise SocketError(f"{path} is too long for a unix socket ({_LONGEST_PATH} bytes): use a folder with a shorter path")


class SocketServer:
    """A gRPC server on one unix socket."""

    def __init__(self, path: Path, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self.path = path
        self._handlers = handlers
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen and serve; raises SocketError."""
        self._make_room()
        # Made here because a gRPC server belongs to the event loop that runs when it is made.
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(self._handlers)
        try:
            server.add_insecure_port(f"unix:{self.path}")
        except RuntimeError as error:
            raise SocketError(f"cannot listen on {self.path}: {error}") from error
        await server.start()
        self._server = server

    async def stop(self, grace: float) -> None:
        """Take no more calls, let running ones finish within `grace` seconds, and remove the socket."""
        if self._server is not None:
            await self._server.stop(grace)
        self.path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            if self.path.is_socket():
                self.path.unlink()
        except OSError as error:
            raise SocketError(f"cannot put a socket at {self.path}: {error}") from error
        if self.path.exists():
            raise SocketError(f"{self.path} is in the way and not a socket: remove it")
