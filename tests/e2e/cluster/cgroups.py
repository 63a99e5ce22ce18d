"""The control groups that a node's kubelet gets for its pods: one subtree, on cgroup v2 or in each v1 hierarchy."""

import time
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
# What kubelet and runc use; a hybrid machine's v2 tree (`unified`) has no controller and needs no subtree.
_V1_HIERARCHIES = ("blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids", "systemd")
_V2_CONTROLLERS = ("cpu", "cpuset", "hugetlb", "io", "memory", "pids")


def create(name: str) -> None:
    """Make the subtree `name`."""
    if _unified():
        _create_v2(name)
        return
    for hierarchy in _V1_HIERARCHIES:
        if (_MOUNT / hierarchy).is_dir():
            (_MOUNT / hierarchy / name).mkdir(exist_ok=True)
    # A new v1 cpuset is empty, and nothing can run in it until it is given processors and memory nodes.
    for setting in ("cpuset.cpus", "cpuset.mems"):
        whole = _MOUNT / "cpuset" / setting
        if whole.exists():
            (_MOUNT / "cpuset" / name / setting).write_text(whole.read_text())


def remove(name: str) -> None:
    """Remove the subtree `name` wherever it is; the kernel takes a moment after its last process has gone."""
    deadline = time.monotonic() + 10
    for top in [_MOUNT / name, *_MOUNT.glob(f"*/{name}")]:
        for folder in [*sorted(top.rglob("*/"), reverse=True), top]:
            _remove_folder(folder, deadline)


def _unified() -> bool:
    return (_MOUNT / "cgroup.controllers").exists()


def _create_v2(name: str) -> None:
    (_MOUNT / name).mkdir(exist_ok=True)
    available = (_MOUNT / "cgroup.controllers").read_text().split()
    wanted = " ".join(f"+{controller}" for controller in _V2_CONTROLLERS if controller in available)
    try:
        (_MOUNT / "cgroup.subtree_control").write_text(wanted)
        (_MOUNT / name / "cgroup.subtree_control").write_text(wanted)
    except OSError as error:
        raise RuntimeError(
            f"cannot hand cgroup controllers to {_MOUNT / name}: {error}. In a container, move its processes from the"
            f" root cgroup into a child first (cgroup v2 allows controllers only below a cgroup without processes)."
        ) from error


def _remove_folder(folder: Path, deadline: float) -> None:
    while folder.is_dir():
        try:
            folder.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
