import subprocess
import sys
from pathlib import Path

import pytest

from hami_dra.plugin.versions import collect_versions, hold_version

OLD, NEW = "0" * 16, "f" * 16
HOLD = "import sys; from pathlib import Path; from hami_dra.plugin.versions import hold_version"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node with an old version that nobody uses, and processes without mounts of it."""
    for path in (f"lib/{OLD}/libvgpu.so", "cdi/vendor.json", "proc/1/mountinfo", "proc/cpuinfo"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    return tmp_path


def collect(node: Path) -> list[str]:
    return collect_versions(node / "lib", node / "cdi", node / "proc")


def test_version_that_nothing_uses_goes_whole(node: Path) -> None:
    (node / f"lib/.{OLD}.doomed/rest").mkdir(parents=True)
    (node / "lib/not-ours").mkdir()
    assert collect(node) == [OLD]
    assert [path.name for path in (node / "lib").iterdir()] == ["not-ours"]
    assert collect(node) == []


@pytest.mark.parametrize("user", ["cdi/claim.json", "cdi/.claim.json.unfinished", "proc/1/mountinfo"])
def test_version_that_a_spec_or_a_running_container_uses_stays(node: Path, user: str) -> None:
    (node / user).write_text(f"... /var/lib/hami-dra/{OLD}/libvgpu.so ...")
    assert collect(node) == []
    (node / user).unlink()
    assert collect(node) == [OLD]


def test_spec_that_cannot_be_read_keeps_everything(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(PermissionError):
        collect(node)
    assert (node / "lib" / OLD).is_dir()


def test_version_stays_while_the_process_of_a_plugin_holds_it(node: Path) -> None:
    """As in an update in which the old plugin and the new one overlap."""
    folder = node / "lib" / NEW
    code = f"{HOLD}; hold_version(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as plugin:
        assert plugin.stdout
        plugin.stdout.readline()
        assert collect(node) == [OLD]
        plugin.kill()
    assert collect(node) == [NEW]


def test_own_version_stays(node: Path) -> None:
    hold_version(node / "lib" / OLD)
    assert collect(node) == []
