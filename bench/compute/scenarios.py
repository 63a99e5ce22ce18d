"""Which runs there are: axes around one base case, so that each shows what one thing changes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from bench.compute.load import Call, Load
from bench.compute.neighbours import KERNELS, MS, US, four_tenants, pair, time_of, two_tenants
from bench.compute.scenario import Scenario, Tenant

LIMITS = (5, 10, 20, 30, 50, 70, 80, 95)
_BASE_NS = 100 * US
_LIMIT, _HIGH_LIMIT = 30, 80


def scenarios() -> Iterator[Scenario]:
    """The runs of `make bench-compute`, in the order of the report."""
    for cores in LIMITS:
        yield _alone("limits", f"limit {cores}", cores, Load(cost_ns=_BASE_NS))
    for cores, cost in product((_LIMIT, _HIGH_LIMIT), KERNELS):
        if cost != _BASE_NS:
            yield _alone("kernels", f"limit {cores}, kernels of {time_of(cost)}", cores, Load(cost_ns=cost))
    yield from _around("8 streams", lambda cost: Load(cost_ns=cost, streams=8))
    for grid in (1, 100, 1_000, 10_000, 100_000):
        load = Load(cost_ns=5 * US, per_block_ns=10, grid=grid)
        yield _alone("grids", f"limit {_LIMIT}, grid {grid:,}: {time_of(load.launch_ns)}", _LIMIT, load)
    yield from _paths()
    yield from _around("4 processes", lambda cost: Load(cost_ns=cost), processes=4)
    # Without a limiter a program that waits for each of its short kernels has the GPU for a part of the time only.
    for cores, cost in ((10, 5 * US), (_LIMIT, _BASE_NS), (_LIMIT, MS), (_LIMIT, 20 * MS), (_HIGH_LIMIT, 20 * MS)):
        waiting = Load(cost_ns=cost, wait="each")
        yield _alone("a wait for each launch", f"limit {cores}, kernels of {time_of(cost)}", cores, waiting)
    yield from two_tenants()
    yield from four_tenants()


def all_scenarios() -> Iterator[Scenario]:
    """Those, and the cross product of limits, kernels, streams, processes and waits, and of neighbours' kernels."""
    yield from scenarios()
    for cores, cost, streams, processes in product(LIMITS, KERNELS, (1, 8), (1, 4)):
        for load in (Load(cost_ns=cost, streams=streams), Load(cost_ns=cost, streams=streams, wait="each")):
            name = f"limit {cores}, {time_of(cost)}, {streams} streams, {processes} processes, waits: {load.wait}"
            yield _alone("all", name, cores, load, processes)
    for ours, theirs in product(KERNELS, KERNELS):
        yield Scenario(
            group="30 | 70, all kernels", name=f"{time_of(ours)} | {time_of(theirs)}", tenants=pair(ours, theirs)
        )


def unlimited() -> Iterator[Scenario]:
    """What the same programs have without a limiter: all of the GPU while nobody else wants it, else equal parts."""
    for cost in KERNELS[:-1]:
        yield _alone("no limiter", f"alone, kernels of {time_of(cost)}", 100, Load(cost_ns=cost))
        waiting = Load(cost_ns=cost, wait="each")
        yield _alone("no limiter, a wait for each", f"alone, kernels of {time_of(cost)}", 100, waiting)
    yield Scenario(group="no limiter", name="30 | 70", tenants=pair(_BASE_NS, _BASE_NS))


def one_of_each(of_all: Sequence[Scenario]) -> list[Scenario]:
    """The last scenario of each group."""
    return list({scenario.group: scenario for scenario in of_all}.values())


def _around(group: str, load: Callable[[int], Load], processes: int = 1) -> Iterator[Scenario]:
    """One thing changed, with kernels of several lengths, and with a high limit."""
    for cores, cost in (*((_LIMIT, cost) for cost in KERNELS[:-1]), (_HIGH_LIMIT, _BASE_NS)):
        yield _alone(group, f"limit {cores}, kernels of {time_of(cost)}", cores, load(cost), processes)


def _paths() -> Iterator[Scenario]:
    calls: tuple[tuple[str, Call], ...] = (
        ("cuLaunchKernelEx", "kernel-ex"),
        ("cuLaunchCooperativeKernel", "cooperative"),
    )
    for name, call in calls:
        yield _alone("launch paths", f"limit {_LIMIT}, {name}", _LIMIT, Load(cost_ns=_BASE_NS, call=call))
    for cores, kernels, cost in ((_LIMIT, 100, 5 * US), (_LIMIT, 20, _BASE_NS), (_LIMIT, 20, MS), (80, 20, _BASE_NS)):
        load = Load(cost_ns=cost, call="graph", graph=kernels)
        yield _alone("launch paths", f"limit {cores}, graphs of {kernels} kernels of {time_of(cost)}", cores, load)


def _alone(group: str, name: str, cores: int, load: Load, processes: int = 1) -> Scenario:
    return Scenario(group=group, name=name, tenants=(Tenant(name="a", cores=cores, load=load, processes=processes),))
