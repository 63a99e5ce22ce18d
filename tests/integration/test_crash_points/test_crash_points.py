"""Whatever effect the plugin is killed at, and whichever fails, the next time brings about what had been wanted."""

import errno
import os
from collections.abc import Callable
from itertools import count

import pytest

from hami_dra.kubeletplugin import ClaimError
from tests.integration.test_crash_points.fragile import FragileNode
from tests.integration.test_crash_points.scenes import (
    Mend,
    Prepare,
    PrepareAnew,
    Republish,
    Scene,
    Start,
    Sweep,
    Unprepare,
)

CALLS = (Prepare, PrepareAnew, Mend, Unprepare)
STARTS = (Start, Republish, Sweep)


@pytest.mark.parametrize("scene", [*CALLS, *STARTS], ids=lambda scene: scene.__name__)
async def test_killed_at_any_effect_it_ends_as_if_it_had_not_been(
    node: FragileNode, scene: Callable[[], Scene], record_property: Callable[[str, object], None]
) -> None:
    playing = scene()
    await playing.begin(node)
    await playing.act(node)
    expected = node.state()
    for effect in count(1):
        await playing.begin(node)
        node.plan.kill_at(effect, node.folder)
        await node.lives_through(playing.act(node))
        killed_at = node.plan.acted_at
        node.plan.disarm()
        await playing.resume(node)
        assert node.state() == expected, f"killed at {killed_at}"
        assert "Traceback" not in node.log.read_text()
        if not killed_at:
            break
    record_property("killed at", effect - 1)
    assert effect > 1


@pytest.mark.parametrize("scene", CALLS, ids=lambda scene: scene.__name__)
async def test_any_effect_that_fails_is_told_and_made_up_for_by_the_next_call(
    node: FragileNode, scene: Callable[[], Scene], record_property: Callable[[str, object], None]
) -> None:
    playing = scene()
    await playing.begin(node)
    await playing.act(node)
    expected = node.state()
    for effect in count(1):
        await playing.begin(node)
        node.plan.fail_at(effect, node.folder, errno.ENOSPC)
        answer = ""
        try:
            await playing.act(node)
        except ClaimError as error:
            answer = str(error)
        assert not answer or (os.strerror(errno.ENOSPC) in answer and "unexpected" not in answer)
        failed = node.plan.acted_at
        node.plan.disarm()
        await playing.act(node)
        assert node.state() == expected, f"{failed} failed"
        assert "Traceback" not in node.log.read_text()
        if not failed:
            break
    record_property("failed", effect - 1)
    assert effect > 1
