"""Cgroups of version 2, in files as the kernel writes them and in a real tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from hami_dra.cgroups import is_gone, processes_in, sibling_place, unified_mount
from tests.native.sim.cgroups import cgroup, inside

HYBRID = """\
30 24 0:26 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/unified rw shared:11 - cgroup2 cgroup2 rw
"""
UNIFIED = r"""31 24 0:26 / /mnt/with\040blank rw - cgroup2 cgroup2 rw
30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
"""


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        (HYBRID, Path("/sys/fs/cgroup/unified")),
        (UNIFIED, Path("/sys/fs/cgroup")),
        (UNIFIED.splitlines()[0], Path("/mnt/with blank")),
        (HYBRID.splitlines()[1], None),
        ("", None),
    ],
)
def test_tree_is_found_where_it_is_mounted(tmp_path: Path, mounts: str, expected: Path | None) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(mounts)
    assert unified_mount(mountinfo) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("0::/kubepods/pod1/container\n", "kubepods/pod1"),
        ("5:memory:/elsewhere\n0::/kubepods/pod1/container\n", "kubepods/pod1"),
        ("0::/\n", "."),
        ("0::/kubepods/of-another-tree/container\n", "."),
        ("0::/../outside\n", "."),
        ("5:memory:/kubepods/pod1/container\n", "."),
    ],
)
def test_trial_is_made_beside_the_container_that_this_is(tmp_path: Path, own: str, expected: str) -> None:
    (tmp_path / "kubepods" / "pod1").mkdir(parents=True)
    (tmp_path / "own").write_text(own)
    assert sibling_place(tmp_path, tmp_path / "own") == tmp_path / expected


def test_processes_are_those_of_the_whole_subtree() -> None:
    with cgroup() as folder:
        below = folder / "below"
        below.mkdir()
        sleeping = [subprocess.Popen([*inside(each), "sleep", "60"]) for each in (folder, below)]
        while len(processes_in(folder)) < 2:
            assert all(each.poll() is None for each in sleeping)
        assert processes_in(folder) == {each.pid for each in sleeping}
        for each in sleeping:
            each.kill()
            each.wait()
    assert processes_in(folder) == frozenset()


def test_cgroup_is_gone_only_where_its_tree_is_seen(tmp_path: Path) -> None:
    (tmp_path / "kubepods" / "pod1").mkdir(parents=True)
    assert not is_gone(tmp_path / "kubepods" / "pod1", tmp_path)
    assert is_gone(tmp_path / "kubepods" / "pod2" / "container", tmp_path)
    assert not is_gone(tmp_path / "other-tree" / "pod2", tmp_path)
    assert not is_gone(Path("/elsewhere/pod2"), tmp_path)
    assert not is_gone(tmp_path / "kubepods" / "pod2", None)


def test_it_imports_little() -> None:
    loaded = "import sys; import hami_dra.cgroups; print([m for m in ('asyncio', 'msgspec') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout == "[]\n"
