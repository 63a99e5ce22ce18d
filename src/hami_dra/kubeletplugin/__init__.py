"""A DRA driver's half of the conversation with the kubelet: registration, the DRAPlugin service, health."""

from .driver import ClaimError, ClaimRef, DeviceHealth, Driver, HealthSource, HealthStatus, PreparedDevice
from .lock_file import LockError
from .locks import ClaimLocks
from .plugin import KubeletPlugin
from .sockets import SocketError

__all__ = [
    "ClaimError",
    "ClaimLocks",
    "ClaimRef",
    "DeviceHealth",
    "Driver",
    "HealthSource",
    "HealthStatus",
    "KubeletPlugin",
    "LockError",
    "PreparedDevice",
    "SocketError",
]
