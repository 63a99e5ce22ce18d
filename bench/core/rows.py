"""What is timed: one row per question that a user of a share would ask."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import harmonic_mean

from bench.core.subject import Subject

# One repetition: gives ns per operation.
Repeat = Callable[[], float]

# On few cores, processes and threads take turns of some milliseconds: a repetition must see several turns of each.
_SHORT_MS = 1
_CROWD_MS = 40


@dataclass(frozen=True)
class Row:
    """One thing to time, on a machine whose contexts take context_ms.

    `begin` starts what it needs, for as long as the stack lives, and returns a repetition.
    """

    name: str
    repetitions: int
    begin: Callable[[Subject, ExitStack], Repeat]
    context_ms: int = 0


def rows() -> Iterator[Row]:
    """Every row, in the order of the report."""
    for live in (0, 1_000, 10_000, 100_000):
        yield Row(f"alloc + free, {live:,} live", 101, _calls("alloc", live=live))
    for threads in (1, 4, 16):
        yield Row(f"alloc + free, threads: {threads}", 31, _calls("alloc", _CROWD_MS, threads=threads))
    for processes in (1, 2, 4, 8):
        yield Row(f"alloc + free, processes: {processes}", 31, _calls("alloc", _CROWD_MS, processes=processes))
    yield Row("alloc + free, beside 64 idle processes", 101, _calls("alloc", idle=64))
    yield Row("cuMemAllocAsync + cuMemFreeAsync", 101, _calls("async"))
    yield Row("cuMemGetInfo", 101, _calls("info"))
    yield Row("cuLaunchKernel, no limit on cores", 101, _calls("launch"))
    yield Row("cuInit", 101, _first_call("init"))
    yield Row("cuInit, context, first allocation", 101, _first_call("first"))
    yield Row("start of /bin/true", 101, _true)
    for processes, repetitions in ((1, 15), (32, 31), (300, 61)):
        yield Row(f"{processes} starting, 60 ms context each", repetitions, _starts(processes), context_ms=60)


def once(row: Row) -> Row:
    """The row with a single repetition."""
    return replace(row, repetitions=1)


def _calls(
    operation: str, ms: int = _SHORT_MS, *, live: int = 0, threads: int = 1, processes: int = 1, idle: int = 0
) -> Callable[[Subject, ExitStack], Repeat]:
    """Calls repeated for ms in processes of one share. Gives the time that one thread spends on each.

    What is alone stays on one processor, the same for every subject: on a shared machine one may be slower for a while.
    """

    def begin(subject: Subject, stack: ExitStack) -> Repeat:
        for _ in range(idle):
            stack.enter_context(subject.start()).ask("hold 1")
        programs = [stack.enter_context(subject.start()) for _ in range(processes)]
        for program in programs:
            program.ask(f"hold {live}")
        if threads == processes == 1:
            programs[0].stay_on_one_processor()

        def repeat() -> float:
            for program in programs:
                program.send(f"{operation} {threads} {ms}")
            return harmonic_mean([program.receive() for program in programs])

        return repeat

    return begin


def _first_call(command: str) -> Callable[[Subject, ExitStack], Repeat]:
    """What only the first call of a process does, so each repetition has a process of its own."""

    def begin(subject: Subject, stack: ExitStack) -> Repeat:
        def repeat() -> float:
            with subject.start() as program:
                return program.ask(command)

        return repeat

    return begin


def _true(subject: Subject, stack: ExitStack) -> Repeat:
    program = stack.enter_context(subject.start())
    return lambda: program.ask("spawn 1 /bin/true")


def _starts(processes: int) -> Callable[[Subject, ExitStack], Repeat]:
    """Processes that start at once, each until its first allocation and end. Gives the time until the last is done."""

    def begin(subject: Subject, stack: ExitStack) -> Repeat:
        program = stack.enter_context(subject.start())
        return lambda: program.ask(f"spawn {processes} {subject.program} first")

    return begin
