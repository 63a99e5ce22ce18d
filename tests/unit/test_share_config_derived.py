"""What is derived from the type ShareConfig is what the repository has: else `make share-config`."""

from pathlib import Path

import pytest

from tools.share_config.derived import DERIVED


@pytest.mark.parametrize("path", DERIVED, ids=lambda path: path.name)
def test_is_up_to_date(path: Path) -> None:
    assert path.read_text() == DERIVED[path]()
