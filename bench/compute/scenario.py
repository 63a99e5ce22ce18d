"""Who shares a GPU in one run, when each of them works, and what each asked for."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from bench.compute.load import Load
from hami_dra.shares.share import ComputePolicy, Priority

SECONDS = 4.0
"""How long tenants work unless told otherwise."""


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """The owner of one share of the GPU, and what its processes do, each the same."""

    name: str
    cores: int
    load: Load
    processes: int = 1
    policy: ComputePolicy = "hard"
    priority: Priority = "low"
    works: tuple[tuple[float, float], ...] = ((0.0, SECONDS),)
    """From when to when, in seconds."""
    expected: float | None = None
    """The percentage of the GPU's time that it should have, where that is not `cores`."""

    @property
    def asked(self) -> float:
        """The percentage of the GPU's time that it should have while it works."""
        return self.cores if self.expected is None else self.expected

    def is_working(self, begin: float, end: float) -> bool:
        """Whether it works all the time between two instants."""
        return any(start <= begin and end <= stop for start, stop in self.works)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `group` is the question that it belongs to."""

    group: str
    name: str
    tenants: tuple[Tenant, ...]

    @property
    def seconds(self) -> float:
        """When the last one stops."""
        return max(stop for tenant in self.tenants for _, stop in tenant.works)

    def stretches(self) -> Iterator[tuple[float, float]]:
        """The times between which nobody begins or stops, in seconds."""
        instants = {instant for tenant in self.tenants for work in tenant.works for instant in work}
        yield from pairwise(sorted(instants))

    def working(self, begin: float, end: float) -> Sequence[Tenant]:
        """Who works in a stretch."""
        return [tenant for tenant in self.tenants if tenant.is_working(begin, end)]
