"""Allocates a claim from published devices in-process, as the Kubernetes scheduler would.

It knows what DRA drivers with shared devices use: alternatives, counts and All, capacities, attribute constraints and
admin access. What it does not know, CEL selectors, it refuses.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from hami_dra.kube import (
    AllocationResult,
    Device,
    DeviceAllocationConfiguration,
    DeviceAllocationResult,
    DeviceAttribute,
    DeviceConstraint,
    DeviceRequest,
    DeviceRequestAllocationResult,
    DeviceSubRequest,
    ExactDeviceRequest,
    Quantity,
    ResourceClaim,
    ResourceSlice,
)

from .capacity import Unfit, consumption

_MOST_RESULTS = 32
"""Devices that the API server takes in one allocation."""
_MOST_TRIES = 100_000
"""Devices looked at before giving up: the search is exhaustive, and some claims have endless possibilities."""


class AllocationError(Exception):
    """Why a claim cannot be allocated; the text names the request and what stands in the way on each device."""


def allocate(
    claim: ResourceClaim,
    slices: Iterable[ResourceSlice],
    others: Iterable[ResourceClaim],
    *,
    drivers: Mapping[str, str],
) -> AllocationResult:
    """Return the first allocation that fits beside what the other claims hold; share IDs are random.

    `drivers` has the driver for each device class, instead of the class's CEL expressions. Raises AllocationError.
    """
    candidates = _candidates(slices)
    alternatives = [_alternatives(request, drivers, candidates) for request in claim.spec.devices.requests or ()]
    search = _Search(candidates, claim.spec.devices.constraints, _held(others))
    # Of the later requests all alternatives are tried before the next one of an earlier request, as the scheduler does.
    results = search.results([want for wants in choice for want in wants] for choice in product(*alternatives))
    config = tuple(
        DeviceAllocationConfiguration(source="FromClaim", requests=each.requests, opaque=each.opaque)
        for each in claim.spec.devices.config
    )
    return AllocationResult(devices=DeviceAllocationResult(results=results, config=config))


@dataclass(frozen=True, slots=True)
class _Want:
    """One device for a request."""

    request: str
    driver: str
    capacity: Mapping[str, Quantity]
    admin_access: bool = False
    only: "_Candidate | None" = None
    """The device that it must be, where all are wanted."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A published device and its place in the order in which devices are tried."""

    place: int
    driver: str
    pool: str
    device: Device

    @property
    def key(self) -> tuple[str, str, str]:
        return self.driver, self.pool, self.device.name


@dataclass(frozen=True, slots=True)
class _Grant:
    """A device, or a share of one, for a want."""

    want: _Want
    candidate: _Candidate
    consumed: Mapping[str, Quantity]

    def result(self) -> DeviceRequestAllocationResult:
        driver, pool, device = self.candidate.key
        shared = self.candidate.device.allow_multiple_allocations
        return DeviceRequestAllocationResult(
            request=self.want.request,
            driver=driver,
            pool=pool,
            device=device,
            admin_access=self.want.admin_access,
            share_id=str(uuid.uuid4()) if shared else None,
            consumed_capacity=dict(self.consumed) if shared else {},
        )


@dataclass(slots=True)
class _Search:
    """Tries devices in their order for one want after the other, and goes back where that leads nowhere."""

    candidates: Sequence[_Candidate]
    constraints: Sequence[DeviceConstraint]
    held: Mapping[tuple[str, str, str], Counter[str]]
    tries: int = 0
    furthest: int = -1
    refusal: str = ""

    def results(self, choices: Iterable[Sequence[_Want]]) -> tuple[DeviceRequestAllocationResult, ...]:
        """What the first of the choices that fits is given; raises AllocationError."""
        for wants in choices:
            if len(wants) > _MOST_RESULTS:
                raise AllocationError(f"the claim asks for {len(wants)} devices: at most {_MOST_RESULTS} fit into one")
            if (grants := self._extend(wants, ())) is not None:
                return tuple(grant.result() for grant in grants)
        raise AllocationError(self.refusal)

    def _extend(self, wants: Sequence[_Want], granted: tuple[_Grant, ...]) -> tuple[_Grant, ...] | None:
        """Return the granted devices with one for each want that is still without, or None."""
        if len(granted) == len(wants):
            return granted
        want = wants[len(granted)]
        reasons: list[str] = []
        for candidate in [want.only] if want.only else self.candidates[_first_place(want, granted) :]:
            self.tries += 1
            if self.tries > _MOST_TRIES:
                raise AllocationError(f"nothing found in {_MOST_TRIES} tries: ask for fewer devices in one claim")
            try:
                grant = self._grant(want, candidate, granted)
            except Unfit as reason:
                reasons.append(f"{candidate.pool}/{candidate.device.name}: {reason}")
                continue
            if complete := self._extend(wants, (*granted, grant)):
                return complete
        if len(granted) > self.furthest:
            self.furthest = len(granted)
            self.refusal = f"request {want.request}: " + ("; ".join(reasons) or f"no device of {want.driver} is left")
        return None

    def _grant(self, want: _Want, candidate: _Candidate, granted: tuple[_Grant, ...]) -> _Grant:
        """Return what the want gets of a device; raises Unfit."""
        if candidate.driver != want.driver:
            raise Unfit(f"it belongs to the driver {candidate.driver}")
        here = [grant for grant in granted if grant.candidate is candidate]
        if not candidate.device.allow_multiple_allocations and (here or candidate.key in self.held):
            raise Unfit("it is allocated already and cannot be shared")
        consumed = consumption(want.capacity, candidate.device.capacity)
        used = Counter(self.held.get(candidate.key, Counter()))
        for grant in here:
            used.update(grant.consumed)
        for name, amount in consumed.items():
            free = Quantity(candidate.device.capacity[name].value - used[name])
            if amount > free:
                raise Unfit(f"{name}: {amount} needed, {free} free")
        grant = _Grant(want, candidate, consumed)
        for constraint in self.constraints:
            _check(constraint, [*granted, grant])
        return grant


def _alternatives(
    request: DeviceRequest, drivers: Mapping[str, str], candidates: Sequence[_Candidate]
) -> list[list[_Want]]:
    """Each way to serve a request, the best first."""
    if request.exactly:
        return [_wants(request.name, request.exactly, drivers, candidates, request.exactly.admin_access)]
    if not request.first_available:
        raise AllocationError(f"request {request.name}: it has neither `exactly` nor `firstAvailable`")
    return [_wants(f"{request.name}/{sub.name}", sub, drivers, candidates) for sub in request.first_available]


def _wants(
    name: str,
    request: ExactDeviceRequest | DeviceSubRequest,
    drivers: Mapping[str, str],
    candidates: Sequence[_Candidate],
    admin_access: bool = False,
) -> list[_Want]:
    if request.device_class_name not in drivers:
        known = ", ".join(sorted(drivers)) or "none"
        raise AllocationError(f"request {name}: no device class {request.device_class_name}; there is {known}")
    if request.selectors:
        raise AllocationError(f"request {name}: a CEL selector is left to the scheduler")
    want = _Want(name, drivers[request.device_class_name], request.capacity.requests, admin_access)
    if request.allocation_mode == "ExactCount":
        return [want] * request.count
    wants = [replace(want, only=candidate) for candidate in candidates if candidate.driver == want.driver]
    if not wants:
        raise AllocationError(f"request {name}: there is no device of {want.driver}")
    return wants


def _candidates(slices: Iterable[ResourceSlice]) -> list[_Candidate]:
    """Return the devices of complete pools in the scheduler's order: by driver, pool, slice name, as listed."""
    pools: defaultdict[tuple[str, str], list[ResourceSlice]] = defaultdict(list)
    for slice_ in sorted(slices, key=lambda each: each.metadata.name):
        pools[slice_.spec.driver, slice_.spec.pool.name].append(slice_)
    candidates: list[_Candidate] = []
    for (driver, pool), parts in sorted(pools.items()):
        generation = max(part.spec.pool.generation for part in parts)
        current = [part for part in parts if part.spec.pool.generation == generation]
        if len(current) == current[0].spec.pool.resource_slice_count:
            for device in (device for part in current for device in part.spec.devices):
                candidates.append(_Candidate(len(candidates), driver, pool, device))
    return candidates


def _held(claims: Iterable[ResourceClaim]) -> dict[tuple[str, str, str], Counter[str]]:
    """Return what claims hold, by device and capacity."""
    held: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for allocation in (claim.status.allocation for claim in claims):
        for result in allocation.devices.results if allocation else ():
            if not result.admin_access:
                held[result.driver, result.pool, result.device].update(result.consumed_capacity)
    return dict(held)


def _first_place(want: _Want, granted: Sequence[_Grant]) -> int:
    """Several devices of one request are different ones; different requests may share a device."""
    last = granted[-1] if granted else None
    return last.candidate.place + 1 if last and last.want is want else 0


def _check(constraint: DeviceConstraint, grants: Sequence[_Grant]) -> None:
    """Raise Unfit when the last of the grants breaks a constraint."""
    bound = [grant for grant in grants if _concerns(constraint, grant.want.request)]
    if grants[-1] not in bound:
        return
    name = constraint.match_attribute or constraint.distinct_attribute or ""
    *before, value = (_attribute(grant.candidate, name) for grant in bound)
    if value is None:
        raise Unfit(f"it has no attribute {name}, which a constraint names")
    if constraint.match_attribute and any(other != value for other in before):
        raise Unfit(f"its {name} differs from that of another device of the claim")
    if constraint.distinct_attribute and value in before:
        raise Unfit(f"its {name} is that of another device of the claim")


def _concerns(constraint: DeviceConstraint, request: str) -> bool:
    """A constraint on `main` is one on its alternative `main/sub` too."""
    main = request.partition("/")[0]
    return not constraint.requests or request in constraint.requests or main in constraint.requests


def _attribute(candidate: _Candidate, name: str) -> DeviceAttribute | None:
    """Look up a fully qualified name; a driver may leave out its own domain."""
    attributes = candidate.device.attributes
    return attributes.get(name) or attributes.get(name.removeprefix(f"{candidate.driver}/"))
