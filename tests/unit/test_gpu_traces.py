from collections.abc import Callable
from pathlib import Path

import pytest

from hami_dra.gpu import traces


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A driver root, and the kernel's view of the driver in `proc`."""
    devices = ("dev/nvidia0", "dev/nvidiactl", "dev/nvidia-caps/nvidia-cap1")
    for path in (*devices, "usr/lib64/libnvidia-ml.so.580", "cdi/nvidia.yaml", "proc/version"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "usr/lib64/libnvidia-ml.so.1").symlink_to("libnvidia-ml.so.580")
    (tmp_path / "proc/gpus/0000:3b:00.0").mkdir(parents=True)
    return tmp_path


def of(root: Path) -> object:
    return traces(root, [root / "cdi/nvidia.yaml"], kernel=root / "proc")


def new_driver(root: Path) -> None:
    (root / "usr/lib64/libnvidia-ml.so.590").write_text("590")
    (root / "usr/lib64/libnvidia-ml.so.1").unlink()
    (root / "usr/lib64/libnvidia-ml.so.1").symlink_to("libnvidia-ml.so.590")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "dev/nvidia1").touch(),
        lambda root: (root / "dev/nvidia0").unlink(),
        lambda root: (root / "dev/nvidia-caps/nvidia-cap12").touch(),
        lambda root: (root / "proc/gpus/0000:3b:00.0").rename(root / "proc/gpus/0000:5e:00.0"),
        lambda root: (root / "proc/version").write_text("another"),
        lambda root: (root / "proc/version").unlink(),
        lambda root: (root / "cdi/nvidia.yaml").unlink(),
        lambda root: (root / "cdi/nvidia.yaml").write_text("another"),
        new_driver,
    ],
)
def test_every_change_of_gpus_or_driver_is_seen(root: Path, change: Callable[[Path], object]) -> None:
    before = of(root)
    assert of(root) == before
    change(root)
    assert of(root) != before


def test_what_is_no_gpus_is_no_change(root: Path) -> None:
    before = of(root)
    (root / "dev/sda").touch()
    (root / "usr/lib64/libother.so").touch()
    assert of(root) == before


def test_what_goes_while_it_is_looked_at_leaves_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a driver is unloaded: what was there a moment ago cannot be read any more."""
    (root / "proc/version").unlink()
    (root / "proc/gpus/0000:3b:00.0").rmdir()
    gone = of(root)
    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    (root / "proc/gpus").rmdir()
    assert of(root) == gone


def test_what_cannot_be_read_is_an_error(root: Path) -> None:
    (root / "proc/version").unlink()
    (root / "proc/version").mkdir()
    with pytest.raises(OSError, match="proc/version"):
        of(root)


def test_machine_without_driver_leaves_none(tmp_path: Path) -> None:
    assert traces(tmp_path, [tmp_path / "nothing"], kernel=tmp_path / "proc") == frozenset()
