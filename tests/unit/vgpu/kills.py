"""Processes of a share that are killed at random instants, and what the living see: for the tests, and bench.ledger."""

import random
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from hami_dra.shares.share import Share
from tests.unit.vgpu.container import MIB, SUCCESS, Client, Container

LIMIT = 64 * MIB
SHARES = ([LIMIT], [LIMIT * 5 // 8, LIMIT * 3 // 8])  # of one GPU
_SURVIVORS = MIB  # what the survivor holds all the time

_CROWD = 2  # processes that hammer at a time
_START_S = 0.010  # longer than a process takes to its first allocation
_HAMMER_S = 0.004

UNLIMITED = {"LD_PRELOAD": ""}


@dataclass
class KillCampaign:
    """Starts processes that hammer shares of LIMIT bytes, and kills them; one survives and sees to the accounts.

    Every other one is killed while it starts; the others tell first how long their first allocation had them wait.
    """

    container: Container
    shares: list[Share]
    waits_ns: list[int] = field(default_factory=list)
    _crowd: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def run(self, kills: int) -> None:
        """Kill so many, then check the accounts. AssertionError if they are not exact."""
        survivor = self.container.client()
        result, key = survivor.allocate(_SURVIVORS)
        assert result == SUCCESS
        with ExitStack() as stack:
            for i in range(kills):
                newcomer = _start(self.container, stack)
                if i % 2 == 0:
                    time.sleep(random.uniform(0, _START_S))
                    _kill(newcomer)
                else:
                    self.waits_ns.append(_first_wait(newcomer))
                    self._crowd.append(newcomer)
                    time.sleep(random.uniform(0, _HAMMER_S))
                    if len(self._crowd) == _CROWD:
                        _kill(self._crowd.pop(random.randrange(_CROWD)))
            while self._crowd:
                _kill(self._crowd.pop())
        self._check(survivor)
        assert survivor.release(key) == SUCCESS
        survivor.kill()

    def _check(self, survivor: Client) -> None:
        """What the dead held can be had at once, and nobody but the survivor is counted."""
        result, key = survivor.allocate(LIMIT - _SURVIVORS)
        assert result == SUCCESS
        for share in self.shares:
            assert self.container.use(share) == {survivor.pid: share.memory}
        assert survivor.used() == LIMIT == self.container.used_on(0)
        assert survivor.release(key) == SUCCESS
        assert survivor.used() == _SURVIVORS


def native_waits_ns(container: Container, count: int) -> list[int]:
    """For how long the first allocation has a process wait that has the driver alone."""
    waits = []
    for _ in range(count):
        with ExitStack() as stack:
            waits.append(_first_wait(_start(container, stack, **UNLIMITED)))
    return waits


def _start(container: Container, stack: ExitStack, **environment: str) -> "subprocess.Popen[str]":
    process = stack.enter_context(container.start("racer", "hammer", str(random.getrandbits(31)), **environment))
    stack.callback(process.kill)
    return process


def _first_wait(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def _kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
