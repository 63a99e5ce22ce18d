"""How a simulated GPU's time is shared, as arithmetic."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.native.sanitizers import Sanitizer
from tests.unit.vgpu.programs import compile_programs


@pytest.fixture(scope="session")
def program(sanitizer: Sanitizer | None) -> Path:
    return compile_programs(sanitizer, "sim") / "schedule"


def run(program: Path, commands: list[str], slice_ns: int = 100, switch_ns: int = 0) -> list[str]:
    """What a schedule prints on these commands."""
    text = "".join(f"{command}\n" for command in commands)
    arguments = [str(program), str(slice_ns), str(switch_ns)]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=True)
    return [line.strip() for line in done.stdout.splitlines()]


def test_one_alone_has_everything(program: Path) -> None:
    assert run(program, ["share", "share", "put 0 1000", "advance 700", "show", "advance 2000", "show"]) == [
        "700 700 0",
        "2000 1000 0",
    ]


def test_two_take_turns(program: Path) -> None:
    commands = ["share", "share", "put 0 250", "put 1 250", "advance 1000", "served"]
    turns = "1:0+100=100 0:100+100=100 1:200+100=200 0:300+100=200 1:400+50=250 0:450+50=250"
    assert run(program, commands) == [turns]


def test_who_has_nothing_to_do_is_not_waited_for(program: Path) -> None:
    commands = ["share", "share", "share", "put 0 1000", "put 2 30", "advance 400", "served"]
    assert run(program, commands) == ["2:0+30=30 0:30+370=370"]


def test_who_comes_waits_for_the_end_of_the_slice(program: Path) -> None:
    commands = ["share", "share", "put 0 1000", "advance 250", "put 1 100", "advance 600", "served"]
    assert run(program, commands) == ["0:0+250=250 0:250+50=300 1:300+100=100 0:400+200=500"]


def test_a_change_takes_time_that_nobody_has(program: Path) -> None:
    commands = ["share", "share", "put 0 200", "put 1 100", "advance 105", "show", "advance 1000", "served"]
    assert run(program, commands, switch_ns=10) == ["105 0 95", "1:10+95=95 1:105+5=100 0:120+200=200"]


def test_the_end_is_foreseen(program: Path) -> None:
    commands = ["share", "share", "put 0 1000", "put 1 130", "foresee 0 500 9999", "foresee 1 130 9999"]
    commands += ["foresee 0 500 300", "advance 630", "show"]
    assert run(program, commands) == ["630", "230", "300", "630 500 130"]


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_who_is_removed_is_served_no_more(program: Path, removed: int) -> None:
    commands = ["share", "share", "share", *(f"put {i} 1000" for i in range(3)), "advance 150"]
    before, after = run(program, [*commands, "show", f"remove {removed}", "advance 750", "show"])
    kept = [int(served) for i, served in enumerate(before.split()[1:]) if i != removed]
    grown = [int(served) - start for served, start in zip(after.split()[1:], kept, strict=True)]
    assert sum(grown) == 600
    assert max(grown) - min(grown) <= 100


def test_recent_time_is_counted_in_spans_of_100_ms(program: Path) -> None:
    ms = 1_000_000
    commands = ["share", f"advance {950 * ms}", f"put 0 {500 * ms}", f"advance {2000 * ms}"]
    spans = [(9, 10), (10, 14), (14, 15), (0, 20)]
    asked = [f"recent {first} {end}" for first, end in spans]
    later = [f"put 0 {10_000 * ms}", f"advance {30_000 * ms}", "recent 0 100", "recent 100 120", "recent 119 121"]
    seen = run(program, [*commands, *asked, *later], slice_ns=2 * ms)
    assert [int(line) // ms for line in seen] == [50, 400, 50, 500, 0, 1600, 100]


def _story(rng: random.Random, pieces: int) -> list[str]:
    """Work that comes at random times, the schedule being advanced `pieces` times in between."""
    commands = ["share"] * 4
    now = 0
    for _ in range(30):
        until = now + rng.randrange(500)
        commands += [f"advance {now + (until - now) * (i + 1) // pieces}" for i in range(pieces)]
        commands.append(f"put {rng.randrange(4)} {rng.randrange(400)}")
        now = until
    return [*commands, f"advance {now + 100}", "show", f"advance {now + 100_000}", "show"]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("switch_ns", [0, 7])
def test_it_makes_no_difference_how_often_somebody_looks(program: Path, seed: int, switch_ns: int) -> None:
    seldom = run(program, _story(random.Random(seed), 1), switch_ns=switch_ns)
    often = run(program, _story(random.Random(seed), 50), switch_ns=switch_ns)
    assert seldom == often


@pytest.mark.parametrize("seed", range(20))
def test_no_time_is_lost_or_made(program: Path, seed: int) -> None:
    """Without a cost of changes the GPU is idle only if all queues are empty, whatever was put into them."""
    commands = _story(random.Random(seed), 3)
    put = [0] * 4
    for command in commands:
        if command.startswith("put"):
            _, sharer, ns = command.split()
            put[int(sharer)] += int(ns)
    amid, end = run(program, commands)
    assert [int(served) for served in end.split()[1:]] == put
    now, *served = map(int, amid.split())
    assert sum(served) <= now
    assert all(done <= all_of_it for done, all_of_it in zip(served, put, strict=True))
