"""How long an inference request takes beside a tenant that always has work."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from math import ceil
from statistics import median

import msgspec

from bench.compute.load import Load
from bench.compute.run import LEAD_NS, Bench, get_ready
from bench.compute.scenario import Tenant
from bench.compute.windows import percentile
from bench.core.program import ProgramError
from hami_dra.shares.share import Priority

_KERNEL_NS, _KERNELS = 100_000, 50  # 5 ms of the GPU's time
_PERIOD_NS = 50_000_000
_SECONDS = 10


class Latency(msgspec.Struct, frozen=True):
    """What all requests of one run took, in ns, from coming to end; or why there are none."""

    name: str
    library: str
    requests: list[int] = []
    failure: str | None = None

    @property
    def median(self) -> float:
        """Half of them took no longer."""
        return median(self.requests)

    @property
    def late(self) -> int:
        """99 of 100 took no longer."""
        return percentile(self.requests, 99)


class _Requests(msgspec.Struct):
    latencies_ns: list[int]


def latencies(bench: Bench) -> Iterator[Latency]:
    """A request's latency on an idle GPU and beside a busy tenant of 70; with priority too if something heeds it."""
    yield _measure(bench, "on an idle GPU", "low", beside=False)
    yield _measure(bench, "beside a busy 70", "low", beside=True)
    if bench.library is not None:
        yield _measure(bench, "beside a busy 70, priority high", "high", beside=True)


def _measure(bench: Bench, name: str, priority: Priority, *, beside: bool) -> Latency:
    load = Load(cost_ns=_KERNEL_NS)
    asking = Tenant(name="30", cores=30, load=load, priority=priority)
    busy = Tenant(name="70", cores=70, load=Load(cost_ns=_KERNEL_NS, wait="ahead"))
    count = max(2, round(_SECONDS * bench.timing.scale * 1e9 / _PERIOD_NS))
    try:
        with bench.site() as site, ExitStack() as stack:
            programs = [stack.enter_context(site.start(tenant)) for tenant in ((asking, busy) if beside else (asking,))]
            get_ready(programs)
            begin = time.monotonic_ns() + LEAD_NS
            for other in programs[1:]:
                other.send(f"work {begin} {begin + 2 * count * _PERIOD_NS}")
            # Those of the first second are not counted, as elsewhere.
            early = ceil(bench.timing.first * 1e9 / _PERIOD_NS)
            programs[0].send(f"requests {begin} {_PERIOD_NS} {early + count} {_KERNELS}")
            taken = programs[0].read(_Requests).latencies_ns[early:]
            for other in programs[1:]:
                other.check_running()
    except ProgramError as error:
        return Latency(name, bench.name, failure=str(error))
    return Latency(name, bench.name, taken)
