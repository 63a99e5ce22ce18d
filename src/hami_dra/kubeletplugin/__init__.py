"""A DRA driver's half of the conversation with the kubelet: registration and the DRAPlugin service."""

from .driver import ClaimError, ClaimRef, Driver, PreparedDevice
from .locks import ClaimLocks
from .plugin import KubeletPlugin
from .sockets import SocketError

__all__ = ["ClaimError", "ClaimLocks", "ClaimRef", "Driver", "KubeletPlugin", "PreparedDevice", "SocketError"]
