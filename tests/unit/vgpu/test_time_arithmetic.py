"""The limiter's arithmetic, without a device: accounts of GPU time, what launches cost, how long the GPU worked."""

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.not_sanitized(reason="it runs in the tests' own process, which has no sanitizer")

MS, SECOND = 10**6, 10**9
PERIOD = 40 * MS
NOW = 1000 * SECOND

CORES = st.integers(1, 99)


class Bounds(ctypes.Structure):
    """struct bounds of native/core/costs.h."""

    _fields_ = (("least", ctypes.c_uint64), ("guess", ctypes.c_uint64), ("most", ctypes.c_uint64))


class Meter(ctypes.Structure):
    """struct meter of native/core/meter.h."""

    _fields_ = (("elapsed", ctypes.c_uint64), ("expected", ctypes.c_uint64), ("counted", ctypes.c_uint64))


@pytest.fixture(scope="session")
def arithmetic(programs: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(programs / "libarithmetic.so"))
    u64, i64, uint = ctypes.c_uint64, ctypes.c_int64, ctypes.c_uint
    for name, result, arguments in (
        ("budget_left", i64, (u64, u64, uint)),
        ("budget_enough", i64, (uint,)),
        ("budget_wait", u64, (u64, u64, uint, i64)),
        ("budget_charge", u64, (u64, u64, uint, u64)),
        ("budget_begin", u64, (u64, u64, uint)),
        ("budget_turn", u64, (uint,)),
        ("learn_cost", u64, (u64, Bounds)),
        ("learn_launch", u64, (ctypes.c_void_p, u64, u64)),
        ("expected_cost", u64, (ctypes.c_void_p, u64)),
        ("name_of", u64, (ctypes.c_void_p, u64)),
        ("known_cost", ctypes.c_int, (u64, ctypes.POINTER(u64))),
        ("meter_add", u64, (ctypes.POINTER(Meter), u64, u64, ctypes.c_bool)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@given(cores=CORES, bursts=st.lists(st.integers(1, 300 * MS), min_size=1, max_size=30))
def test_a_share_that_always_wants_more_gets_its_part(arithmetic: ctypes.CDLL, cores: int, bursts: list[int]) -> None:
    """Whatever its kernels last: after each it waits until something is left, and so never has more than its part."""
    now, used, paid = NOW, 0, arithmetic.budget_begin(0, NOW, cores)
    saved = arithmetic.budget_left(paid, now, cores)
    for burst in bursts:
        now += arithmetic.budget_wait(paid, now, cores, 1)
        assert used <= saved + (now - NOW) * cores // 100 + len(bursts)
        now, used = now + burst, used + burst
        paid = arithmetic.budget_charge(paid, now, cores, burst)
    left = arithmetic.budget_left(paid, now, cores)
    assert used + left == pytest.approx(saved + (now - NOW) * cores / 100, abs=2 * len(bursts))


@given(cores=CORES, idle=st.integers(0, 3600 * SECOND))
def test_time_that_was_not_wanted_is_not_saved(arithmetic: ctypes.CDLL, cores: int, idle: int) -> None:
    paid = arithmetic.budget_begin(NOW, NOW + idle, cores)
    assert arithmetic.budget_left(paid, NOW + idle, cores) <= arithmetic.budget_enough(cores) + 1


@given(cores=CORES, waited=st.integers(0, 900 * MS))
def test_time_that_others_kept_is_made_up_for(arithmetic: ctypes.CDLL, cores: int, waited: int) -> None:
    paid = arithmetic.budget_begin(0, NOW, cores)
    before = arithmetic.budget_left(paid, NOW, cores)
    assert arithmetic.budget_left(paid, NOW + waited, cores) == pytest.approx(before + waited * cores / 100, abs=2)


@given(cores=CORES, paid=st.integers(0, 2**64 - 1), used=st.integers(0, 2**63))
def test_no_account_makes_anybody_wait_for_more_than_a_minute(
    arithmetic: ctypes.CDLL, cores: int, paid: int, used: int
) -> None:
    """Tenants can write what they like there, and files may outlive a reboot, which sets the clock back."""
    assert arithmetic.budget_wait(paid, NOW, cores, 1) <= 61 * SECOND
    charged = arithmetic.budget_charge(paid, NOW, cores, used)
    assert arithmetic.budget_wait(charged, NOW, cores, 1) <= 61 * SECOND
    assert arithmetic.budget_left(paid, NOW, cores) <= SECOND


@given(cores=CORES)
def test_turns_of_all_cores_fill_a_period(arithmetic: ctypes.CDLL, cores: int) -> None:
    assert arithmetic.budget_turn(cores) + arithmetic.budget_turn(100 - cores) == PERIOD
    # What comes together while the others have theirs, and what comes meanwhile, makes just one turn.
    turn = arithmetic.budget_turn(cores)
    assert arithmetic.budget_enough(cores) + turn * cores // 100 == pytest.approx(turn, abs=2)


def _cost(arithmetic: ctypes.CDLL, name: int) -> int | None:
    ns = ctypes.c_uint64()
    return ns.value - 1 if arithmetic.known_cost(name, ctypes.byref(ns)) else None


def _learn(arithmetic: ctypes.CDLL, name: int, *took: int) -> int:
    """Learn what a launch took, or between what that lies with a guess, and return what it is now held for."""
    least, guess, most = took * 3 if len(took) == 1 else took
    learnt: int = arithmetic.learn_cost(name, Bounds(least, guess, most))
    assert _cost(arithmetic, name) == min(learnt, 2**32 - 2)
    return learnt


def test_costs_are_learnt_and_follow_changes(arithmetic: ctypes.CDLL) -> None:
    name = 0xABCD_0000_0000_0123
    assert _cost(arithmetic, name) is None
    assert _learn(arithmetic, name, 5000) == 5000
    assert _learn(arithmetic, name, 6000) == 5250  # noise
    assert _learn(arithmetic, name, 20 * MS) == 20 * MS  # something else
    assert _learn(arithmetic, name, 3600 * SECOND) == 3600 * SECOND  # more than an entry has room for


def test_a_cost_that_could_not_be_measured_corrects_only_what_cannot_be(arithmetic: ctypes.CDLL) -> None:
    name = 0xABCD_0000_0000_0124
    assert _learn(arithmetic, name, 4000, 5000, 6000) == 5000
    assert _learn(arithmetic, name, 0, 0, 6000) == 5000
    assert _learn(arithmetic, name, 0, 4000, 4500) == 4500
    assert _learn(arithmetic, name, 8000, 12_000, 16_000) == 8000


def test_what_collides_is_forgotten_and_not_confused(arithmetic: ctypes.CDLL) -> None:
    names = [(number << 48) + 0x42 for number in range(1, 10)]
    for number, name in enumerate(names):
        assert _cost(arithmetic, name) is None
        _learn(arithmetic, name, 1000 + number)
    known = [_cost(arithmetic, name) for name in names]
    assert known.count(None) == 1
    assert all(cost in (None, 1000 + number) for number, cost in enumerate(known))


def test_what_a_large_program_launches_in_each_round_is_all_known(arithmetic: ctypes.CDLL) -> None:
    """Kernels are aligned in memory, and grids and blocks are multiples of a warp."""
    what = range(0x7F00_0000_0000, 0x7F00_0000_0000 + 1000 * 0x180, 0x180)
    names = [arithmetic.name_of(pointer, 32 << number % 12) for number, pointer in enumerate(what)]
    for name in names:
        _learn(arithmetic, name, 5000)
    assert sum(_cost(arithmetic, name) is None for name in names) < 5


def test_a_function_with_another_grid_is_expected_to_take_by_its_threads(arithmetic: ctypes.CDLL) -> None:
    what = 0x5555_0000_1000
    assert arithmetic.expected_cost(what, 4096) == 0
    arithmetic.learn_launch(what, 2048, 10_000)
    assert arithmetic.expected_cost(what, 2048) == 10_001  # what is known is 1 more: no launch is for nothing
    assert arithmetic.expected_cost(what, 4096) == pytest.approx(20_000, rel=0.01)
    assert arithmetic.expected_cost(what, 32) == 2000  # the smallest grid takes some time
    arithmetic.learn_launch(what, 4096, 60_000)
    assert arithmetic.expected_cost(what, 8192) == pytest.approx(120_000, rel=0.01)
    graph = 0x5555_0000_2000
    arithmetic.learn_launch(graph, 0, 10_000)
    assert arithmetic.expected_cost(graph, 0) == 10_001
    assert arithmetic.expected_cost(graph, 32) == 0
    # Nothing overflows, whatever a grid and a time are.
    arithmetic.learn_launch(what, 1, 2**63)
    assert arithmetic.expected_cost(what, 2**62) > 2**31


STEPS = st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, SECOND), st.booleans()), max_size=40)


@given(steps=STEPS)
def test_the_gpu_worked_no_longer_than_events_and_costs_say(
    arithmetic: ctypes.CDLL, steps: list[tuple[int, int, bool]]
) -> None:
    meter = Meter()
    worked = sum(arithmetic.meter_add(ctypes.byref(meter), *step) for step in steps)
    without_gaps = sum(elapsed for elapsed, _, without_a_gap in steps if without_a_gap)
    others = [step for step in steps if not step[2]]
    assert worked == without_gaps + min(sum(step[0] for step in others), sum(step[1] for step in others))


def test_two_streams_in_turn_are_not_counted_twice(arithmetic: ctypes.CDLL) -> None:
    """Their ends are close together, though either had its own work for all the time."""
    meter = Meter()
    ends = [(2000, 1000, False), (10, 1000, False)] * 10
    assert sum(arithmetic.meter_add(ctypes.byref(meter), *end) for end in ends) == 20_000
