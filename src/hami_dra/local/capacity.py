"""What a request consumes of a device's capacities, rounded as the Kubernetes scheduler rounds it."""

from collections.abc import Mapping

from hami_dra.kube import CapacityRange, CapacityRequestPolicy, DeviceCapacity, Quantity


class Unfit(Exception):
    """Why a device cannot serve a request."""


def consumption(asked: Mapping[str, Quantity], offered: Mapping[str, DeviceCapacity]) -> dict[str, Quantity]:
    """Return what is consumed of every capacity of a device; raises Unfit when the device does not offer it."""
    if unknown := asked.keys() - offered.keys():
        raise Unfit(f"it has no capacity {', '.join(sorted(unknown))}")
    return {name: _consumed(name, asked.get(name), capacity) for name, capacity in offered.items()}


def _consumed(name: str, asked: Quantity | None, capacity: DeviceCapacity) -> Quantity:
    policy = capacity.request_policy or CapacityRequestPolicy()
    if asked is None:
        return capacity.value if policy.default is None else policy.default
    if policy.valid_range is not None:
        rounded = _within(asked, policy.valid_range)
        largest = policy.valid_range.max
    else:
        rounded = min((value for value in policy.valid_values if value >= asked), default=asked)
        largest = max(policy.valid_values, default=None)
    if largest is not None and rounded > largest:
        raise Unfit(f"{name}: {asked} asked, at most {largest} can be had")
    return rounded


def _within(asked: Quantity, allowed: CapacityRange) -> Quantity:
    """Round up to the next min + n * step."""
    if asked <= allowed.min:
        return allowed.min
    if allowed.step is None:
        return asked
    steps = -((allowed.min - asked) // allowed.step)
    return Quantity(allowed.min + steps * allowed.step)
