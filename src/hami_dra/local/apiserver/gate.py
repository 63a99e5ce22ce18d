"""Feature gates: what an API server silently drops while they are off."""

from typing import Any


def drop_consumable_capacity(thing: Any) -> Any:
    """Return a slice or claim without the fields behind the gate DRAConsumableCapacity."""
    if isinstance(thing, list):
        return [drop_consumable_capacity(element) for element in thing]
    if isinstance(thing, dict):
        return {key: drop_consumable_capacity(value) for key, value in thing.items() if not _gated(key, value)}
    return thing


def _gated(key: str, value: Any) -> bool:
    """A request's `capacity` is behind the gate, a device's (which has no `requests`) is not."""
    if key == "capacity":
        return isinstance(value, dict) and "requests" in value
    return key in ("allowMultipleAllocations", "requestPolicy", "shareID", "consumedCapacity")


def drop_device_taints(slice_: Any) -> Any:
    """Return a slice without what is behind the gate DRADeviceTaints."""
    devices = [
        {key: value for key, value in device.items() if key != "taints"} for device in slice_["spec"].get("devices", [])
    ]
    return {**slice_, "spec": {**slice_["spec"], "devices": devices}}
