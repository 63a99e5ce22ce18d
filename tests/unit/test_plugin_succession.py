import os
from pathlib import Path

import pytest

from hami_dra.plugin.succession import Succession


def newest(*instances: Succession) -> list[bool]:
    return [each.is_newest for each in instances]


def test_last_to_join_is_the_newest(tmp_path: Path) -> None:
    first, second, third = (Succession(tmp_path / "plugin") for _ in range(3))
    assert newest(first, second, third) == [False, False, False]
    for each in (first, second, third):
        each.join()
    assert newest(first, second, third) == [False, False, True]


def test_one_whose_process_ended_does_not_count(tmp_path: Path) -> None:
    first = Succession(tmp_path)
    first.join()
    if (child := os.fork()) == 0:
        Succession(tmp_path).join()
        os._exit(0)
    os.waitpid(child, 0)
    assert first.is_newest
    second = Succession(tmp_path)
    second.join()
    assert newest(first, second) == [False, True]


def test_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Succession(tmp_path / "file").join()
