"""Many processes in one share: they never exceed it together, and whoever dies leaves nothing behind."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.vgpu.container import GIB, MIB, OUT_OF_MEMORY, SUCCESS, Container
from tests.unit.vgpu.kills import SHARES, KillCampaign, native_waits_ns
from tests.unit.vgpu.races import race

RACES = 24
KILLS = 200
NATIVE = 10  # processes without libvgpu.so, to compare with
LONGEST_WAIT_NS = 100_000_000
SHOWN_DEADLINE_S = 2.0  # far above the 10 ms after which the dead are no longer shown


def test_racing_processes_fill_a_share_exactly(container: Container) -> None:
    share = container.grant(0, 1000 * MIB)
    clients = [container.client() for _ in range(8)]
    for _ in range(5):
        for client in clients:
            client.send(f"fill - {MIB}")
        pieces = [client.receive()[1] for client in clients]
        assert sum(container.use(share).values()) == 1000 * MIB
        assert sum(pieces) == container.used_on(0) // MIB == 1000
        for client in clients:
            client.kill()
        clients = [container.client() for _ in range(8)]


@pytest.mark.parametrize("limits", [[16 * MIB], [9 * MIB, 7 * MIB]], ids=["one share", "two shares"])
def test_a_race_gives_not_a_byte_too_much_and_refuses_nothing_that_fits(
    container: Container, limits: list[int]
) -> None:
    shares = [container.grant(0, limit) for limit in limits]
    for _ in range(RACES):
        assert race(container, shares).exact


def test_of_two_who_race_for_what_several_shares_have_left_one_is_given_it(container: Container) -> None:
    folders = [container.folder(container.grant(0, 100)) for _ in range(3)]
    done = container.run(container.programs / "gpu_races", "4000", "250", "1", "0", *folders)
    assert done.stdout == "0\n"


def test_two_who_need_the_memory_of_a_dead_process_at_once_are_both_given_it(container: Container) -> None:
    folder = container.folder(container.grant(0, 100))
    done = container.run(container.programs / "gpu_races", "300", "50", "2", "100", folder)
    assert done.stdout == "0\n"


def test_threads_of_a_process_fill_and_empty_a_share(container: Container) -> None:
    container.grant(0, 8 * MIB)
    clients = [container.client() for _ in range(2)]
    for client in clients:
        client.send("hammer - 8 20000")
    for client in clients:
        assert client.receive() == [SUCCESS]
    assert clients[0].used() == 0
    assert container.used_on(0) == 0
    assert clients[0].allocate(8 * MIB)[0] == SUCCESS


def test_a_killed_process_is_reclaimed_by_whoever_needs_its_memory(container: Container) -> None:
    container.grant(0, GIB)
    survivor, victim = container.client(), container.client()
    survivor.allocate(100 * MIB)
    assert victim.allocate(GIB - 100 * MIB)[0] == SUCCESS
    assert survivor.allocate(512)[0] == OUT_OF_MEMORY
    victim.kill()
    assert survivor.allocate(GIB - 100 * MIB)[0] == SUCCESS


def test_a_killed_process_is_no_longer_shown(container: Container) -> None:
    container.grant(0, GIB)
    survivor, victim = container.client(), container.client()
    survivor.allocate(MIB)
    victim.allocate(500 * MIB)
    assert survivor.used() == 501 * MIB
    victim.kill()
    deadline = time.monotonic() + SHOWN_DEADLINE_S
    while survivor.used() != MIB:
        assert time.monotonic() < deadline


@pytest.mark.not_sanitized(reason="it bounds how long newcomers wait, which a sanitizer lengthens")
@pytest.mark.parametrize("limits", SHARES)
def test_kills_at_random_instants_leave_exact_accounts_and_nobody_waits(
    container: Container, limits: list[int]
) -> None:
    campaign = KillCampaign(container, [container.grant(0, limit) for limit in limits])
    campaign.run(KILLS)
    assert max(campaign.waits_ns) < max(native_waits_ns(container, NATIVE)) + LONGEST_WAIT_NS


def test_slots_of_the_dead_are_used_again(container: Container) -> None:
    share = container.grant(0, GIB)
    for _ in range(5):
        client = container.client()
        client.allocate(MIB)
        assert container.use(share) == {client.pid: MIB}
        client.kill()
    survivor = container.client()
    assert survivor.allocate(GIB)[0] == SUCCESS
    assert container.use(share) == {survivor.pid: GIB}


def test_a_forked_child_leaves_its_parents_account_alone(container: Container) -> None:
    share = container.grant(0, GIB)
    parent = container.client()
    assert parent.allocate(600 * MIB)[0] == SUCCESS
    parent.ask(f"fork - {MIB}")  # CUDA does not work in a forked child: it allocates nothing
    assert container.use(share)[parent.pid] == 600 * MIB
    assert parent.used() == 600 * MIB


def test_a_forked_child_takes_a_slot_of_its_own(container: Container) -> None:
    share = container.grant(0, GIB)
    done = container.run(container.programs / "fork_slots", container.folder(share))
    assert done.stdout.split() == ["parent", "1000", "child", "2000", "survivor", "0"]


def test_a_parents_slot_is_free_when_it_dies_before_its_child(container: Container) -> None:
    container.grant(0, GIB)
    survivor, parent = container.client(), container.client()
    survivor.allocate(MIB)
    parent.allocate(600 * MIB)
    parent.ask(f"fork - {GIB}")  # allocates nothing: the child lives as long as its parent, and then some
    parent.kill()
    assert survivor.allocate(GIB - MIB)[0] == SUCCESS


def test_a_thread_with_a_small_stack_makes_a_region(programs: Path, tmp_path: Path) -> None:
    done = subprocess.run([programs / "small_stack", tmp_path / "region"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1000\n")
