"""Threads that are cancelled while libvgpu.so is at work for them: they end behind that, and hold up no other."""

import fcntl
import subprocess
from pathlib import Path

from tests.unit.vgpu.container import GIB, MIB, Container

LEDGER_OFFSET, LEDGER_SIZE = 64, 16  # of a region: native/abi/share.h
BOTH_REFUSED_AND_ANOTHER_GRANTED = "2 2 0\n"


def _start(container: Container, **environment: str) -> "subprocess.Popen[str]":
    """A program that has allocated."""
    process = container.start("cancelled", **environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_where_the_log_says_what_is_refused(container: Container, tmp_path: Path) -> None:
    container.grant(0, GIB)
    log = tmp_path / "log"
    with _start(container, LIBCUDA_LOG_LEVEL="3", LIBCUDA_LOG_FILE=str(log)) as process:
        assert process.communicate("\n")[0] == BOTH_REFUSED_AND_ANOTHER_GRANTED
    assert log.read_text().count("refused") == 2


def test_where_the_limit_is_read_anew(container: Container) -> None:
    share = container.grant(0, GIB)
    with _start(container) as process:
        container.resize(share, 512 * MIB)
        assert process.communicate("\n")[0] == BOTH_REFUSED_AND_ANOTHER_GRANTED


def test_where_one_waits_for_a_turn_and_the_other_for_that_one(container: Container) -> None:
    share = container.grant(0, GIB)
    with _start(container) as process, (container.folder(share) / "region").open("r+b") as region:
        fcntl.lockf(region, fcntl.LOCK_EX, LEDGER_SIZE, LEDGER_OFFSET)
        assert process.communicate("\n")[0] == BOTH_REFUSED_AND_ANOTHER_GRANTED
