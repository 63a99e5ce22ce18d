"""The process that reads the health of GPUs."""

import os
import time
from pathlib import Path

import pytest

from hami_dra.gpu import HealthUnknownError, watch_health


async def test_process_that_ends_by_itself_is_left_to_asyncio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wait = os.waitpid

    def wait_late(pid: int, options: int) -> tuple[int, int]:
        time.sleep(0.5)  # as asyncio's thread may on a busy machine
        return wait(pid, options)

    monkeypatch.setattr(os, "waitpid", wait_late)
    with pytest.raises(HealthUnknownError, match=r"there is no libnvidia-ml\.so\.1 below"):
        await anext(watch_health(tmp_path))
    assert caplog.messages == []
