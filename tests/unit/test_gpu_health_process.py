"""The process that reads the health of GPUs."""

import os
import sys
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


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        ("echo loading...", "is not understood: JSON is malformed"),
        ("echo '[{}]'", "is not understood: Object missing required field `uuid`"),
        ("head -c 2000000 /dev/zero", "is not understood: Separator is not found"),
        ("echo oh dear >&2", "^oh dear$"),
        ("true", "the process that asks NVML ended"),
    ],
)
async def test_what_is_no_answer_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, complaint: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(HealthUnknownError, match=complaint):
        await anext(watch_health(tmp_path))
