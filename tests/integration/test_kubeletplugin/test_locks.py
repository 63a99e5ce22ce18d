"""Locks of claims that two processes of one driver share."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import ClaimLocks, LockError
from tests.integration.test_kubeletplugin.driver import DEADLINE

HOLDER = """
import asyncio, sys
from pathlib import Path
from hami_dra.kubeletplugin import ClaimLocks

async def hold():
    async with ClaimLocks(Path(sys.argv[1])).of(sys.argv[2]):
        print("held", flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@contextmanager
def held_by_another_process(folder: Path, claim_uid: str) -> Iterator[None]:
    """Hold a claim's lock in a process that is killed in the end."""
    command = [sys.executable, "-c", HOLDER, str(folder), claim_uid]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()


async def test_claim_held_by_another_process_is_waited_for_until_that_is_killed_and_others_are_free(
    plugin_dir: Path,
) -> None:
    locks = ClaimLocks(plugin_dir)
    async with asyncio.timeout(DEADLINE):
        with held_by_another_process(plugin_dir, "uid-one"):
            async with locks.of("uid-two"):
                pass
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), locks.of("uid-one"):
                    pass
        # Neither the killed process nor the waiter that gave up holds it.
        for _ in range(2):
            async with locks.of("uid-one"):
                pass
    assert [path.name for path in plugin_dir.iterdir()] == ["serialize.lock"]


async def test_within_a_process_a_claim_has_one_holder_with_and_without_a_file(plugin_dir: Path) -> None:
    shared = ClaimLocks()
    for first, second in ((shared, shared), (ClaimLocks(plugin_dir), ClaimLocks(plugin_dir))):
        async with first.of("uid-one"), second.of("uid-two"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), second.of("uid-one"):
                    pass
        async with second.of("uid-one"):
            pass


async def test_lock_file_that_cannot_be_made_is_named(plugin_dir: Path) -> None:
    (plugin_dir / "serialize.lock").mkdir(parents=True)
    with pytest.raises(LockError, match=f"cannot lock claims by {plugin_dir}/serialize.lock: .*Is a directory"):
        async with ClaimLocks(plugin_dir).of("uid-one"):
            pass
