"""What a limiter does beside holding a limit: lets idle time be used, gives it back, heeds a limit that is changed."""

from collections.abc import Callable, Iterator

import msgspec

from bench.compute.load import Load
from bench.compute.neighbours import MS, US, time_of
from bench.compute.run import Bench, sleep_until
from bench.compute.scenario import SECONDS, Scenario, Tenant
from bench.compute.site import Site
from bench.compute.windows import settled_after
from bench.core.program import ProgramError

_CHANGE = 2.0
"""When somebody comes, or the limit changes, in seconds."""
_WINDOW_NS = 200 * MS
_TOLERANCE = 5.0  # percentage points: a window so short has few turns in it
_GROUP = "policies"


class Settled(msgspec.Struct, frozen=True):
    """How many ms after a change a share was there; None if it never was."""

    name: str
    library: str
    aim_ms: float
    after_ms: float | None = None
    failure: str | None = None

    @property
    def is_in_time(self) -> bool:
        """Whether it was there as soon as aimed at."""
        return self.after_ms is not None and self.after_ms <= self.aim_ms


def shares() -> Iterator[Scenario]:
    """Tenants that may have more than they asked for."""
    load = Load(cost_ns=100 * US, wait="ahead")
    for policy in ("work-conserving", "off"):
        alone = Tenant(name="30", cores=30, load=load, policy=policy, expected=100)
        yield Scenario(group=_GROUP, name=f"{policy}, alone", tenants=(alone,))
    lenient = Tenant(name="30", cores=30, load=load, policy="work-conserving")
    yield Scenario(
        group=_GROUP, name="work-conserving 30 | hard 70", tenants=(lenient, Tenant(name="70", cores=70, load=load))
    )
    urgent = Tenant(name="30", cores=30, load=load, priority="high")
    yield Scenario(
        group=_GROUP, name="priority high 30 | low 70", tenants=(urgent, Tenant(name="70", cores=70, load=load))
    )


def settling(bench: Bench) -> Iterator[Settled]:
    """Changes, and how soon they have taken effect."""
    for cost in (100 * US, 20 * MS):
        load = Load(cost_ns=cost, wait="ahead")
        borrower = Tenant(name="30", cores=30, load=load, policy="work-conserving")
        comer = Tenant(name="70", cores=70, load=load, works=((_CHANGE, SECONDS),))
        scenario = Scenario(group=_GROUP, name="", tenants=(borrower, comer))
        yield _settled(bench, f"idle time given back, kernels of {time_of(cost)}", scenario, comer, 70, 50)
    tenant = Tenant(name="a", cores=30, load=Load(cost_ns=100 * US, wait="ahead"))
    scenario = Scenario(group=_GROUP, name="", tenants=(tenant,))
    for cores in (70, 10):

        def change(site: Site, begin: int, cores: int = cores) -> None:
            sleep_until(begin + bench.ns(_CHANGE))
            site.set_cores(tenant, cores)

        yield _settled(bench, f"limit changed from 30 to {cores}", scenario, tenant, cores, 200, change)


def _settled(
    bench: Bench,
    name: str,
    scenario: Scenario,
    tenant: Tenant,
    share: float,
    aim_ms: float,
    meanwhile: Callable[[Site, int], None] = lambda site, begin: None,
) -> Settled:
    try:
        seen = bench.see(scenario, meanwhile)
    except ProgramError as error:
        return Settled(name, bench.name, aim_ms, failure=str(error))
    changed, window = seen.begin + bench.ns(_CHANGE), round(_WINDOW_NS * bench.timing.scale)
    after = settled_after(seen.curves[tenant.name], changed, share, _TOLERANCE, window)
    return Settled(name, bench.name, aim_ms, None if after is None else after / MS)
