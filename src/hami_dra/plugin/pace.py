"""Keeps what happens again and again from being told each time."""

from collections import deque
from time import monotonic


class Pace:
    """Of each key, `most` tellings within so many `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._told: dict[tuple[str, str], deque[float]] = {}

    def allows(self, key: tuple[str, str]) -> bool:
        """Whether it may be told now."""
        begin = monotonic() - self._seconds
        self._told = {each: times for each, times in self._told.items() if times[-1] > begin}
        times = self._told.get(key)
        return times is None or len(times) < self._most or times[0] <= begin

    def told(self, key: tuple[str, str]) -> None:
        """Count that it was."""
        self._told.setdefault(key, deque(maxlen=self._most)).append(monotonic())
