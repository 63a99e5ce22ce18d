import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hami_dra.plugin.install import install
from hami_dra.plugin.node import PRELOAD
from hami_dra.shares.cdi import LIBRARY_IN_CONTAINER


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "image"
    folder.mkdir()
    for name in ("libvgpu.so", "nvidia-cdi-hook"):
        (folder / name).write_text(f"first {name}")
        (folder / name).chmod(0o600)
    return sorted(folder.iterdir())


def test_containers_of_any_user_can_use_what_is_installed(sources: list[Path], tmp_path: Path) -> None:
    folder = install(sources, tmp_path / "host")
    assert folder.parent == tmp_path / "host"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "libvgpu.so": "first libvgpu.so",
        "nvidia-cdi-hook": "first nvidia-cdi-hook",
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o755}


def test_sound_file_is_left_alone(sources: list[Path], tmp_path: Path) -> None:
    folder = install(sources, tmp_path / "host")
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    assert install(reversed(sources), tmp_path / "host") == folder
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before


def test_new_version_lies_beside_the_old_one(sources: list[Path], tmp_path: Path) -> None:
    old = install(sources, tmp_path / "host")
    sources[0].write_text("second libvgpu.so")
    new = install(sources, tmp_path / "host")
    assert (old / "libvgpu.so").read_text() == "first libvgpu.so"
    assert (new / "libvgpu.so").read_text() == "second libvgpu.so"


def test_broken_file_is_replaced_and_whoever_has_it_open_keeps_the_old(sources: list[Path], tmp_path: Path) -> None:
    folder = install(sources, tmp_path / "host")
    library = folder / "libvgpu.so"
    library.write_text("")  # as a power loss leaves it
    with library.open() as mapped:
        install(sources, tmp_path / "host")
        assert library.read_text() == "first libvgpu.so"
        assert mapped.read() == ""
    assert {path.name for path in folder.iterdir()} == {"libvgpu.so", "nvidia-cdi-hook"}


def test_what_a_killed_process_left_unfinished_goes(sources: list[Path], tmp_path: Path) -> None:
    folder = install(sources, tmp_path / "host")
    (folder / ".libvgpu.so.abc").write_text("first lib")
    install(sources, tmp_path / "host")
    assert {path.name for path in folder.iterdir()} == {"libvgpu.so", "nvidia-cdi-hook"}


def test_those_that_start_at_once_do_not_take_each_others_files_for_a_dead_ones(
    sources: list[Path], tmp_path: Path
) -> None:
    sources[0].write_bytes(bytes(2**20))
    together = threading.Barrier(8)

    def start(install_dir: Path) -> Path:
        together.wait()
        return install(sources, install_dir)

    with ThreadPoolExecutor(together.parties) as threads:
        for number in range(5):
            hosts = [tmp_path / f"host-{number}"] * together.parties
            assert len(set(threads.map(start, hosts))) == 1


def test_preload_names_the_library_where_it_is_mounted() -> None:
    assert PRELOAD.read_text() == f"{LIBRARY_IN_CONTAINER}\n"
