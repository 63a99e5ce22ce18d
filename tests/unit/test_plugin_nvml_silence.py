"""What is told of NVML while it does not answer."""

from datetime import UTC, datetime, timedelta

import pytest

from hami_dra.kube import KubeClient
from hami_dra.plugin import nvml_silence
from hami_dra.plugin.node_events import NodeEvents
from hami_dra.plugin.nvml_silence import NvmlSilence


class LeapingClock(datetime):
    """An hour has passed at each look."""

    looks = 0

    @classmethod
    def now(cls, tz: object = None) -> "LeapingClock":
        cls.looks += 1
        return cls(2026, 1, 1, tzinfo=UTC) + timedelta(hours=cls.looks)


async def test_a_silence_has_one_beginning_whatever_becomes_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml_silence, "datetime", LeapingClock)
    silence = NvmlSilence(NodeEvents(KubeClient.from_url("http://127.0.0.1"), "node-1"))
    first = silence.lasts()
    assert silence.lasts() == first
    silence.ended()
    assert silence.lasts() != first
