"""Whether a share's accounts hold: the races and kills of libvgpu.so's tests, in large numbers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hami_dra.sim import create_machine, simulated_gpus
from tests.unit.vgpu.container import GIB, MIB, Container
from tests.unit.vgpu.kills import SHARES, KillCampaign, native_waits_ns
from tests.unit.vgpu.programs import compile_programs
from tests.unit.vgpu.races import race

_RACED = ([16 * MIB], [9 * MIB, 7 * MIB])
_KILLS_BETWEEN_CHECKS = 100
_NATIVE_NEWCOMERS = 200

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.command()
def races(runs: Annotated[int, typer.Option(min=1, help="How many, for one share and again for two.")] = 1000) -> None:
    """Have 8 processes fill a share at once, again and again."""
    for limits in _RACED:
        with _container() as container:
            shares = [container.grant(0, limit) for limit in limits]
            ends = [race(container, shares) for _ in range(runs)]
        inexact = [end for end in ends if not end.exact]
        print(f"{runs} races for {len(limits)} share(s) of a GPU: {len(inexact)} inexact")
        if inexact:
            raise SystemExit("\n".join(map(str, inexact)))


@app.command()
def kills(
    count: Annotated[int, typer.Option(min=1, help="How many, in one share and again in two.")] = 10_000,
) -> None:
    """Kill processes of a share at random instants, start-up included."""
    for limits in SHARES:
        _kill(count, limits)
    with _container() as container:
        native = native_waits_ns(container, _NATIVE_NEWCOMERS)
    print(f"first allocation of {len(native)} processes without libvgpu.so: {_waits(native)}")


def _kill(count: int, limits: list[int]) -> None:
    with _container() as container:
        campaign = KillCampaign(container, [container.grant(0, limit) for limit in limits])
        for done in range(0, count, _KILLS_BETWEEN_CHECKS):
            batch = min(_KILLS_BETWEEN_CHECKS, count - done)
            try:
                campaign.run(batch)
            except AssertionError as error:
                raise SystemExit(f"after {done + batch} kills the accounts are not exact") from error
    checks = -(-count // _KILLS_BETWEEN_CHECKS)
    print(f"{count} kills in {len(limits)} share(s) of a GPU: accounts exact at each of {checks} checks")
    print(f"first allocation of {len(campaign.waits_ns)} newcomers: {_waits(campaign.waits_ns)}")


@contextmanager
def _container() -> Iterator[Container]:
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as folder:
        machine = create_machine(Path(folder, "machine"), simulated_gpus(1, memory_bytes=16 * GIB))
        container = Container(Path(folder, "shares"), machine, compile_programs())
        try:
            yield container
        finally:
            container.stop()


def _waits(nanoseconds: list[int]) -> str:
    in_order = sorted(nanoseconds)
    return f"{in_order[len(in_order) // 2] / 1e6:.2f} ms (median), {in_order[-1] / 1e6:.2f} ms (longest)"


if __name__ == "__main__":
    app()
