import asyncio
import logging
from pathlib import Path

import pytest

from hami_dra.gpu.programs import ProgramError, run_program


async def test_answer_and_complaints(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert await run_program(["sh", "-c", "cat; echo oh dear >&2"], given=b"given", seconds=20) == b"given"
    assert caplog.messages == ["oh dear"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["sh", "-c", "echo why >&2; exit 3"], "why"),
        (["sh", "-c", "exit 3"], "exit status 3"),
        (["/nonexistent"], "No such file"),
    ],
)
async def test_failure_has_its_reason(command: list[str], reason: str) -> None:
    with pytest.raises(ProgramError) as error:
        await run_program(command, seconds=20)
    assert reason in error.value.reason
    assert str(error.value).startswith(f"`{' '.join(command)}` failed: ")


def waiting(pid_file: Path) -> list[str]:
    return ["sh", "-c", f"echo $$ > {pid_file}; exec sleep 100"]


async def test_program_without_an_answer_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="no answer within 1 s"):
        await run_program(waiting(tmp_path / "pid"), seconds=1)
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


async def test_program_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    running = asyncio.create_task(run_program(waiting(tmp_path / "pid"), seconds=100))
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
