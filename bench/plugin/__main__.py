"""What the node plugin costs: its start, the kubelet's calls, and its memory."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable
from statistics import median, quantiles
from time import perf_counter_ns
from typing import Annotated

import grpc
import typer
from rich.console import Console
from rich.table import Table

from bench.plugin.subject import BenchError, Claim, Plugin, running_plugin
from hami_dra.local.node import NodeError

_CLAIMS = 64
_WARM_UP = 2
"""Rounds that do not count: the first calls of a process fill its caches."""
_PYTHON, _START = "a bare Python process, start to end", "start, until registered and published"
_START_PROCESSOR = "processor time of a start"
_EMPTY, _ONE, _AGAIN, _UNDO = "a call with no claim", "prepare", "prepare what is prepared", "unprepare"
_ALL, _PROCESSOR = f"prepare {_CLAIMS} at once, all done", "processor time of one prepare"
ROWS = (
    (_PYTHON, _PYTHON),
    (_START, _PYTHON),
    (_START_PROCESSOR, _PYTHON),
    *((row, _EMPTY) for row in (_EMPTY, _ONE, _AGAIN, _UNDO, _ALL, _PROCESSOR)),
)
"""Each with the one that it is compared with."""

Samples = dict[str, list[float]]


def main(
    rounds: Annotated[int, typer.Option(min=2, help=f"Each prepares {_CLAIMS} claims one by one, then at once.")] = 10,
    starts: Annotated[int, typer.Option(min=2, help="How often the plugin is started.")] = 10,
) -> None:
    """Time the plugin between a kubelet and an API server, both in this process, beside 8 simulated GPUs."""
    try:
        samples, at_rest, afterwards = asyncio.run(_measure(rounds, starts))
    except (BenchError, NodeError, grpc.aio.AioRpcError, OSError) as error:
        raise SystemExit(str(error)) from error
    console = Console()
    console.print(_table(samples))
    for when, (own, children) in (("at rest", at_rest), (f"after {rounds} rounds", afterwards)):
        print(f"memory {when}: {own / 2**20:.0f} MiB, and {children / 2**20:.0f} MiB in the processes it started")


async def _measure(rounds: int, starts: int) -> tuple[Samples, tuple[int, int], tuple[int, int]]:
    samples: Samples = defaultdict(list)
    for _ in range(starts):
        began = perf_counter_ns()
        await (await asyncio.create_subprocess_exec(sys.executable, "-c", "")).wait()
        samples[_PYTHON].append(perf_counter_ns() - began)
        async with running_plugin() as plugin:
            samples[_START].append(plugin.start_ns)
            samples[_START_PROCESSOR].append(plugin.start_processor_ns)
    async with running_plugin() as plugin:
        at_rest = plugin.memory_bytes()
        claims = [await plugin.allocate(number) for number in range(_CLAIMS)]
        for _ in range(_WARM_UP):
            await _round(plugin, claims, defaultdict(list))
        for _ in range(rounds):
            await _round(plugin, claims, samples)
        return samples, at_rest, plugin.memory_bytes()


async def _round(plugin: Plugin, claims: list[Claim], samples: Samples) -> None:
    for claim in claims:
        samples[_EMPTY].append(await _timed(plugin.prepare([])))
        samples[_ONE].append(await _timed(plugin.prepare([claim])))
        samples[_AGAIN].append(await _timed(plugin.prepare([claim])))
        samples[_UNDO].append(await _timed(plugin.unprepare([claim])))
    before = plugin.processor_ns()
    samples[_ALL].append(await _timed(asyncio.gather(*(plugin.prepare([claim]) for claim in claims))))
    samples[_PROCESSOR].append((plugin.processor_ns() - before) / len(claims))
    await plugin.unprepare(claims)


async def _timed(call: Awaitable[object]) -> float:
    began = perf_counter_ns()
    await call
    return perf_counter_ns() - began


def _table(samples: Samples) -> Table:
    table = Table(title="Medians")
    for column in ("", "median", "99 of 100 under", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    for row, base in ROWS:
        middle = median(samples[row])
        slow = quantiles(samples[row], n=100, method="inclusive")[-1]
        table.add_row(row, _milliseconds(middle), _milliseconds(slow), f"{middle / median(samples[base]):.1f}")
    return table


def _milliseconds(ns: float) -> str:
    return f"{ns / 1e6:.2f} ms"


if __name__ == "__main__":
    typer.run(main)
