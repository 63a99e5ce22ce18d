"""Control groups of version 2: by them the driver, and this driver's plugin, tell containers apart."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
_OWN = Path("/proc/self/cgroup")
_USUAL_MOUNT = Path("/sys/fs/cgroup")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def unified_mount(mountinfo: Path = _MOUNTINFO) -> Path | None:
    """Where the tree of version 2 is mounted: /sys/fs/cgroup, or a folder below it beside a tree of version 1."""
    mounts = list(_mounts(mountinfo))
    return _USUAL_MOUNT if _USUAL_MOUNT in mounts else next(iter(mounts), None)


def sibling_place(mount: Path, own: Path = _OWN) -> Path:
    """A cgroup in which one can be made that is like a container's: the pod's, where this process runs in a pod.

    The kernel gives a cgroup the controllers that its parent hands down, so it matters where one is made.
    """
    for line in own.read_text().splitlines():
        if line.startswith("0::/"):
            place = (mount / line.removeprefix("0::/")).parent
            if ".." not in place.parts and place.is_relative_to(mount) and place.is_dir():
                return place
    return mount


def processes_in(cgroup: Path) -> frozenset[int]:
    """The processes in a cgroup and those below it, as far as they have a number in this process's PID namespace."""
    return frozenset(pid for folder, _, _ in os.walk(cgroup) for pid in _processes_in(Path(folder)) if pid)


def is_gone(cgroup: Path, mount: Path | None) -> bool:
    """Whether a cgroup that was there once was removed.

    Where not even its ancestor below the root is to be seen, this process sees another tree, so that says nothing.
    """
    if cgroup.is_dir() or mount is None or not cgroup.is_relative_to(mount) or cgroup == mount:
        return False
    return (mount / cgroup.relative_to(mount).parts[0]).is_dir()


def _mounts(mountinfo: Path) -> Iterator[Path]:
    """proc_pid_mountinfo(5): ID, parent, device, root, mount point, options, optional fields up to `-`, type."""
    for line in mountinfo.read_text().splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split()
        if source.startswith("cgroup2 ") and len(fields) > 4:
            yield Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]))


def _processes_in(cgroup: Path) -> Iterator[int]:
    with suppress(OSError):  # it was removed meanwhile, or is one of threads, whose processes stand further up
        yield from map(int, (cgroup / "cgroup.procs").read_text().split())
