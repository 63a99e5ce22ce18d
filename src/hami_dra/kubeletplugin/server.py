"""A gRPC server on a unix socket that replaces what a killed process left, and leaves nothing itself."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import grpc

from .sockets import SocketError, hidden, is_dead

_LARGEST_REQUEST = 256 * 1024
"""Bytes. A claim takes 360 at most, so this is a pod with 700 claims; it bounds what one call can make us do."""


class SocketServer:
    """Serves on one socket. Where another process puts a socket of the same name, that one is left alone."""

    def __init__(self, path: Path, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        self.path = path
        self._handlers = handlers
        self._servers: list[grpc.aio.Server] = []
        self._identity: tuple[int, int] | None = None

    async def start(self) -> None:
        """Listen and serve; once more when the socket is lost. Raises SocketError."""
        # Made here because a gRPC server belongs to the event loop that runs when it is made.
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", _LARGEST_REQUEST)])
        server.add_generic_rpc_handlers(self._handlers)
        place = hidden(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._refuse_what_is_in_the_way()
            server.add_insecure_port(f"unix:{place}")
            # The name appears with somebody listening behind it, in place of a stale socket. And gRPC, which unlinks
            # the path that it was given when it stops, cannot hit a successor's socket.
            place.rename(self.path)
        except (OSError, RuntimeError) as error:
            raise SocketError(f"cannot put a socket at {self.path}: {error}") from error
        self._identity = _identity(self.path)
        # Calls may still come or run by connections to a lost socket, so its server stays until the end.
        self._servers.append(server)
        await server.start()

    @property
    def is_lost(self) -> bool:
        """Whether the socket was deleted; or replaced by one of a process that is dead."""
        return _identity(self.path) is None or is_dead(self.path)

    @property
    def is_replaced(self) -> bool:
        """Whether something else lies in the place of our socket."""
        return _identity(self.path) not in (self._identity, None)

    async def stop(self, grace: float) -> None:
        """Remove the socket, take no more calls, and let running ones finish within `grace` seconds."""
        # While we listen, no other file can have the identity of our socket.
        if _identity(self.path) == self._identity:
            self.path.unlink(missing_ok=True)
        await asyncio.gather(*(server.stop(grace) for server in self._servers))

    def _refuse_what_is_in_the_way(self) -> None:
        if self.path.exists() and not self.path.is_socket():
            raise FileExistsError("what lies there is not a socket: remove it")


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of what lies at a path."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
