import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hami_dra.kubeletplugin import KubeletPlugin
from tests.integration.test_kubeletplugin.driver import NAME, RecordingDriver


@pytest.fixture
def driver() -> RecordingDriver:
    return RecordingDriver()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, as sockets need it: pytest's own is too long for one with a UID in its name."""
    with tempfile.TemporaryDirectory(prefix="kubelet-") as name:
        yield Path(name)


@pytest.fixture
def registry(folder: Path) -> Path:
    return folder / "registry"


@pytest.fixture
def plugin_dir(folder: Path) -> Path:
    return folder / "plugin"


@pytest.fixture
def plugin(driver: RecordingDriver, plugin_dir: Path, registry: Path) -> KubeletPlugin:
    return KubeletPlugin(NAME, driver, plugin_dir=plugin_dir, registry_dir=registry)
