"""A DRA driver's half of the conversation with the kubelet: registration, the DRAPlugin service, health, metadata."""

from .driver import ClaimError, ClaimRef, DeviceHealth, Driver, HealthSource, HealthStatus, PreparedDevice
from .lock_file import LockError
from .locks import ClaimLocks
from .metadata import POD_CLAIM_ANNOTATION, DeviceMetadata, RequestMetadata
from .plugin import KubeletPlugin
from .sockets import SocketError

__all__ = [
    "POD_CLAIM_ANNOTATION",
    "ClaimError",
    "ClaimLocks",
    "ClaimRef",
    "DeviceHealth",
    "DeviceMetadata",
    "Driver",
    "HealthSource",
    "HealthStatus",
    "KubeletPlugin",
    "LockError",
    "PreparedDevice",
    "RequestMetadata",
    "SocketError",
]
