"""What a limiter takes of the processors: time for each launch where no limit binds, and all along where one does."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.compute.load import Load
from bench.compute.neighbours import time_of
from bench.compute.run import LEAD_NS, Bench, get_ready
from bench.compute.scenario import Tenant
from bench.compute.site import lay_out
from bench.core.measure import Result, measure_in_turn
from bench.core.program import ProgramError
from bench.core.rows import Repeat, Row
from bench.core.subject import Subject

_NOTHING = Load(cost_ns=0)
_KERNELS = (100_000, 1_000_000, 20_000_000)  # ns
# The limit does not bind because nobody else wants the GPU, which `work-conserving` allows to use. `hard` may bind:
# that a kernel takes no time cannot be told from its taking as long as a launch does.
_CORES, _WHOLE = 50, 100
_ALONE_MS, _CROWD_MS = 5, 40  # of one repetition; where threads share processors, each must have had several turns
_REPETITIONS = 51
_SECONDS = 3


class Held(msgspec.Struct, frozen=True):
    """A program that always has work, and a limit: launches, processor time and time on the wall, in ns."""

    launches: int
    cpu_ns: int
    wall_ns: int


class Processor(msgspec.Struct, frozen=True):
    """A busy program with a limit and without, or why they are not there."""

    name: str
    library: str
    held: Held | None = None
    native: Held | None = None
    failure: str | None = None

    @property
    def added(self) -> float:
        """Percent of a processor beyond what the same launches take without a limiter."""
        assert self.held is not None
        assert self.native is not None
        without = self.held.launches * self.native.cpu_ns / self.native.launches
        return 100 * (self.held.cpu_ns - without) / self.held.wall_ns


def launches(benches: Sequence[Bench], *, once: bool) -> Iterator[Result]:
    """Time launches of a kernel that takes no time of the GPU, with each library in turn, under a limit that lets them.

    Each is there with all of the GPU's time as well, which is no limit.
    """
    subjects = {bench.name: (bench, _CORES) for bench in benches}
    subjects |= {f"{bench.name}, cores: {_WHOLE}": (bench, _WHOLE) for bench in benches if bench.library is not None}
    for threads, milliseconds in ((1, _ALONE_MS), (8, _CROWD_MS)):
        row = Row(f"launch, threads: {threads}", 1 if once else _REPETITIONS, _repeated(threads, milliseconds))
        with TemporaryDirectory(prefix="bench-compute-") as folder:
            laid_out = [
                _subject(Path(folder, str(place)), name, *subjects[name]) for place, name in enumerate(subjects)
            ]
            yield measure_in_turn(row, laid_out)


def processor(bench: Bench, native: Bench) -> Iterator[Processor]:
    """What a limiter takes of a processor while it holds a program that always has work to 30 % of the GPU."""
    for cost in _KERNELS:
        tenant = Tenant(name="a", cores=30, load=Load(cost_ns=cost, wait="ahead"))
        name = f"limit 30, kernels of {time_of(cost)}"
        try:
            yield Processor(name, bench.name, _held(bench, tenant), _held(native, tenant))
        except ProgramError as error:
            yield Processor(name, bench.name, failure=str(error))


def _held(bench: Bench, tenant: Tenant) -> Held:
    with bench.site() as site, site.start(tenant) as program:
        get_ready([program])
        begin = time.monotonic_ns() + LEAD_NS
        program.send(f"work {begin} {begin + bench.ns(_SECONDS)}")
        return program.read(Held)


def _subject(folder: Path, name: str, bench: Bench, cores: int) -> Subject:
    site = lay_out(folder, bench.program, bench.library)
    return site.subject(Tenant(name=name, cores=cores, load=_NOTHING, policy="work-conserving"))


def _repeated(threads: int, milliseconds: int) -> Callable[[Subject, ExitStack], Repeat]:
    """Launches by threads, each on a stream of its own."""

    def begin(subject: Subject, stack: ExitStack) -> Repeat:
        program = stack.enter_context(subject.start([f"streams={threads}"]))
        return lambda: program.ask(f"launches {threads} {milliseconds}")

    return begin
