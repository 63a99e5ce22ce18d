"""Processes that fill a share in a race, to see what they are given together: for the tests, and for bench.ledger."""

import random
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass

from hami_dra.shares.share import Share
from tests.unit.vgpu.container import Container

PROCESSES = 8


@dataclass(frozen=True, slots=True)
class Race:
    """How a race ended, in bytes."""

    limit: int
    held: int  # by all processes, as they say, in what the driver takes for it
    counted: int  # of all processes, as the regions say
    refused: int  # the smallest request that was refused

    @property
    def exact(self) -> bool:
        """Not a byte over the limit, all of it counted, and no refused request would fit."""
        return self.held == self.counted <= self.limit < self.held + self.refused


def race(container: Container, shares: list[Share]) -> Race:
    """Have new processes fill shares of the first GPU until each is refused once; all are gone afterwards."""
    with ExitStack() as stack:
        racers = [_start(container, stack) for _ in range(PROCESSES)]
        for racer in racers:
            assert _line(racer) == "ready"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        ends = [[int(word) for word in _line(racer).split()] for racer in racers]
        return Race(
            limit=sum(share.memory for share in shares),
            held=sum(held for held, _ in ends),
            counted=sum(sum(container.use(share).values()) for share in shares),
            refused=min(refused for _, refused in ends),
        )


def _start(container: Container, stack: ExitStack) -> "subprocess.Popen[str]":
    racer = stack.enter_context(container.start("racer", "fill", str(random.getrandbits(31))))
    stack.callback(racer.kill)
    return racer


def _line(racer: "subprocess.Popen[str]") -> str:
    assert racer.stdout is not None
    line = racer.stdout.readline()
    assert line, "a racer has died"
    return line.rstrip()
