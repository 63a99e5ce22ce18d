"""What an API server does with `status.devices` of claims."""

from typing import Any

from .refusal import Refusal

Object = dict[str, Any]
_Key = tuple[str | None, ...]


def without_deallocated(status: Object) -> Object:
    """Return a claim's status without entries for devices that the claim does not have (any more)."""
    allocated = _allocated(status)
    devices = [device for device in status.get("devices", []) if _key(device) in allocated]
    return _with_devices(status, devices)


class Applied:
    """Remembers who applied which entries, so that each can take back their own by leaving them out."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, str], set[_Key]] = {}

    def merge(self, claim: Object, wanted: Object, manager: str) -> Object:
        """Return the status of a claim after a manager has applied `wanted`, by force."""
        uid = claim["metadata"]["uid"]
        if wanted["metadata"].get("uid", uid) != uid:
            raise Refusal(409, "Conflict", f"Precondition failed: UID in object meta: {uid}")
        status = claim.get("status", {})
        devices = wanted.get("status", {}).get("devices", [])
        allocated = _allocated(status)
        for index, device in enumerate(devices):
            if _key(device) not in allocated:
                message = f"status.devices[{index}]: Invalid value: must be an allocated device in the claim"
                raise Refusal(422, "Invalid", message)
        keys = {_key(device) for device in devices}
        gone = self._keys.get((uid, manager), set()) | keys
        self._keys[uid, manager] = keys
        others = [device for device in status.get("devices", []) if _key(device) not in gone]
        return _with_devices(status, others + devices)


def _with_devices(status: Object, devices: list[Object]) -> Object:
    rest = {field: value for field, value in status.items() if field != "devices"}
    return rest | ({"devices": devices} if devices else {})


def _allocated(status: Object) -> set[_Key]:
    allocation = status.get("allocation") or {}
    return {_key(result) for result in allocation.get("devices", {}).get("results", [])}


def _key(device: Object) -> _Key:
    return tuple(device.get(field) for field in ("driver", "pool", "device", "shareID"))
