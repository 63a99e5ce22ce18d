"""A GPU that is waited for, and no longer than it may take."""

import time
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from hami_dra.nvml.reading import Reading
from hami_dra.nvml.watched_gpu import WatchedGpu

WELL, WORN, HUNG = Reading("GPU-0"), Reading("GPU-0", remap_pending=True), Reading("GPU-0", is_hung=True)
Answers = SimpleQueue[Reading]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """What NVML answers, each time that it is asked, as soon as it is there."""
    coming: Answers = SimpleQueue()
    monkeypatch.setattr("hami_dra.nvml.watched_gpu.read_state", lambda *_: coming.get())
    yield coming
    coming.put(WELL)  # for one that still waits


def soon() -> float:
    return time.monotonic() + 20


def test_first_answer_is_waited_for_until_the_gpu_hangs(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hami_dra.nvml.watched_gpu._HANGS_SECONDS", 0.2)
    gpu = WatchedGpu("GPU-0", None)
    assert gpu.reading(end=0) == HUNG
    answers.put(WORN)
    while gpu.reading(end=0) == HUNG:
        pass
    assert gpu.reading(end=0) == WORN


def test_what_was_known_counts_until_the_gpu_hangs_and_what_it_says_when_it_is_back(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hami_dra.nvml.watched_gpu._HANGS_SECONDS", 20)
    answers.put(WELL)
    gpu = WatchedGpu("GPU-0", None)
    assert gpu.reading(end=soon()) == WELL
    gpu.ask()
    assert gpu.reading(end=0) == WELL
    answers.put(WORN)
    assert gpu.reading(end=soon()) == WORN
    monkeypatch.setattr("hami_dra.nvml.watched_gpu._HANGS_SECONDS", 0.2)
    gpu.ask()
    for _ in range(2):
        assert gpu.reading(end=time.monotonic() + 0.3) == HUNG
        gpu.ask()  # which is not another question
    answers.put(WELL)
    assert gpu.reading(end=soon()) == WELL
