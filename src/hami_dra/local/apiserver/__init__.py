"""An API server in memory, over real HTTP: as much of one as a DRA driver and its kubelet use."""

from .server import ApiServer

__all__ = ["ApiServer"]
