"""Runs in which several tenants want one GPU."""

from collections.abc import Iterator

from bench.compute.load import Load
from bench.compute.scenario import SECONDS, Scenario, Tenant

US, MS = 1_000, 1_000_000
KERNELS = (5 * US, 100 * US, MS, 20 * MS, 200 * MS)

Works = tuple[tuple[float, float], ...]

_STAGGER, _PART = 3.5, 3.5  # seconds: long enough for windows after the first second
_FOUR = (10, 20, 30, 40)
_FOUR_NAME = "10 | 20 | 30 | 40"


def pair(ours: int, theirs: int, *, works: tuple[Works, Works] | None = None) -> tuple[Tenant, Tenant]:
    """Tenants of 30 and 70 whose kernels take so many ns. They keep some work ahead, as programs do that also wait."""
    first, second = works or (((0.0, SECONDS),), ((0.0, SECONDS),))
    return (
        Tenant(name="30", cores=30, load=_ahead(ours), works=first),
        Tenant(name="70", cores=70, load=_ahead(theirs), works=second),
    )


def two_tenants() -> Iterator[Scenario]:
    """30 and 70, that add up to the whole GPU."""
    group = "30 | 70"
    for cost in KERNELS:
        yield Scenario(group=group, name=f"kernels of {time_of(cost)}", tenants=pair(cost, cost))
    for ours, theirs in ((5 * US, 20 * MS), (20 * MS, 100 * US)):
        yield Scenario(group=group, name=f"kernels of {time_of(ours)} | {time_of(theirs)}", tenants=pair(ours, theirs))
    waiting = Load(cost_ns=MS, wait="each")
    yield _with_loads(group, "one waits for each launch", waiting, _ahead(MS))
    graphs = Load(cost_ns=100 * US, call="graph", graph=20, wait="ahead")
    yield _with_loads(group, "one launches graphs", graphs, _ahead(100 * US))
    yield _with_loads(group, "neither ever waits", Load(cost_ns=100 * US), Load(cost_ns=100 * US))
    staggered: tuple[Works, Works] = (((0.0, 2 * _PART),), ((_STAGGER, 2 * _PART),))
    yield Scenario(
        group=f"{group}, coming and going",
        name="one begins later",
        tenants=pair(100 * US, 100 * US, works=staggered),
    )
    resting: tuple[Works, Works] = (((0.0, 3 * _PART),), ((0.0, _PART), (2 * _PART, 3 * _PART)))
    yield Scenario(
        group=f"{group}, coming and going",
        name="one rests and comes back",
        tenants=pair(100 * US, 100 * US, works=resting),
    )


def four_tenants() -> Iterator[Scenario]:
    """10, 20, 30 and 40, that add up to the whole GPU."""
    together: list[Works] = [((0.0, SECONDS),)] * 4
    alike = [_ahead(100 * US)] * 4
    yield _four(_FOUR_NAME, "kernels of 100 µs", alike, together)
    yield _four(_FOUR_NAME, "kernels of 5 µs, 100 µs, 1 ms, 20 ms", [_ahead(cost) for cost in KERNELS[:4]], together)
    yield _four(_FOUR_NAME, "2 processes each", alike, together, processes=2)
    end = 4 * _PART
    staggered: list[Works] = [((place * _STAGGER, end),) for place in range(4)]
    yield _four(f"{_FOUR_NAME}, coming and going", "one after the other begins", alike, staggered)
    all_along: Works = ((0.0, 3 * _PART),)
    rests: Works = ((0.0, _PART), (2 * _PART, 3 * _PART))
    yield _four(
        f"{_FOUR_NAME}, coming and going", "40 rests and comes back", alike, [all_along, all_along, all_along, rests]
    )


def time_of(ns: int) -> str:
    """A kernel's time in words."""
    return f"{ns / MS:g} ms" if ns >= MS else f"{ns / US:g} µs"


def _ahead(cost: int) -> Load:
    return Load(cost_ns=cost, wait="ahead")


def _with_loads(group: str, name: str, ours: Load, theirs: Load) -> Scenario:
    tenants = (Tenant(name="30", cores=30, load=ours), Tenant(name="70", cores=70, load=theirs))
    return Scenario(group=group, name=name, tenants=tenants)


def _four(group: str, name: str, loads: list[Load], works: list[Works], processes: int = 1) -> Scenario:
    tenants = tuple(
        Tenant(name=str(cores), cores=cores, load=load, works=work, processes=processes)
        for cores, load, work in zip(_FOUR, loads, works, strict=True)
    )
    return Scenario(group=group, name=name, tenants=tenants)
