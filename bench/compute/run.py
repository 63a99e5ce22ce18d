"""Runs scenarios, each on a new machine, and looks how long its tenants have the GPU."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.compute.noise import naps_until
from bench.compute.outcome import Outcome, Timing, judge, least_disturbed
from bench.compute.scenario import Scenario, Tenant
from bench.compute.site import Site, lay_out
from bench.compute.truth import Truth
from bench.compute.windows import Curve, percentile
from bench.core.program import Program, ProgramError

NATIVE = "native"
LEAD_NS = 50_000_000
"""From the last preparation to the beginning of a run."""


@dataclass(frozen=True)
class Seen:
    """When a run began, how its tenants came by the GPU's time, and how late processes woke up. All in ns."""

    begin: int
    curves: Mapping[str, Curve]
    late_ns: int


@dataclass(frozen=True)
class Bench:
    """What is run: load.c against a library, by name, or against the driver alone; and how it is looked at."""

    program: Path
    timing: Timing
    name: str
    library: Path | None

    @contextmanager
    def site(self) -> Iterator[Site]:
        """A new machine. Raises MachineError."""
        with TemporaryDirectory(prefix="bench-compute-") as folder:
            yield lay_out(Path(folder), self.program, self.library)

    def outcome(self, scenario: Scenario) -> Outcome:
        """Run a scenario and judge it. A program that fails is told in the outcome. Raises MachineError.

        A run that was disturbed by what else the machine does is done again; if all are, the least disturbed counts.
        """
        return least_disturbed(lambda: self._attempt(scenario), self.timing.attempts)

    def see(self, scenario: Scenario, meanwhile: Callable[[Site, int], None] = lambda site, begin: None) -> Seen:
        """Run a scenario. `meanwhile` is called as it begins, with that instant.

        Raises ProgramError and MachineError.
        """
        with self.site() as site, ExitStack() as stack:
            programs = {
                tenant.name: [stack.enter_context(site.start(tenant)) for _ in range(tenant.processes)]
                for tenant in scenario.tenants
            }
            everybody = [program for of_one in programs.values() for program in of_one]
            get_ready(everybody)
            truth = Truth(site.machine, round(self.timing.sample * 1000))
            with truth:
                begin = time.monotonic_ns() + LEAD_NS
                for tenant in scenario.tenants:
                    self._send_work(tenant, programs[tenant.name], begin, scenario.seconds)
                meanwhile(site, begin)
                late = naps_until(begin + self.ns(scenario.seconds))
                for program in everybody:
                    program.check_running()
            curves = {name: truth.curve({program.pid for program in of_one}) for name, of_one in programs.items()}
            return Seen(begin, curves, percentile(late, 99))

    def _attempt(self, scenario: Scenario) -> Outcome:
        try:
            seen = self.see(scenario)
        except ProgramError as error:
            return Outcome(scenario.group, scenario.name, self.name, failure=str(error))
        return judge(scenario, self.name, seen.curves, seen.begin, self.timing, seen.late_ns)

    def ns(self, seconds: float) -> int:
        """How long so many seconds of a scenario take."""
        return round(1e9 * seconds * self.timing.scale)

    def _send_work(self, tenant: Tenant, programs: list[Program], begin: int, end: float) -> None:
        for start, stop in tenant.works:
            # Who works to the end goes on beyond it, until it is killed.
            until = 2 * end if stop == end else stop
            for program in programs:
                program.send(f"work {begin + self.ns(start)} {begin + self.ns(until)}")


def get_ready(programs: list[Program]) -> None:
    """Have programs make their contexts, all at once. Raises ProgramError."""
    for program in programs:
        program.send("ready")
    for program in programs:
        program.receive()


def sleep_until(instant: int) -> None:
    """Sleep until an instant of the monotonic clock, in ns."""
    time.sleep(max(0, instant - time.monotonic_ns()) / 1e9)
