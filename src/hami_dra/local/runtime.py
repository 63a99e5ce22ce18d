"""Applies CDI devices to an ordinary process, so that shares can be tried where there is no container runtime.

A container runtime makes mounts; an ordinary process has the host's file system instead. So what a mount would put at
a place that the loader or libvgpu.so looks at is named to them by its host path:

    /etc/ld.so.preload        LD_PRELOAD
    driver libraries          LD_LIBRARY_PATH
    /run/hami-dra/shares/*    HAMI_DRA_SHARES (a folder of links)
    /run/hami-dra/turns/*     the folder `turns` beside that

Device nodes and hooks are left out: the process already sees the host's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

_PRELOAD = PurePosixPath("/etc/ld.so.preload")
_RUN = PurePosixPath("/run/hami-dra")


class RuntimeSetupError(Exception):
    """A CDI device cannot be applied to a local process; the text says why."""


class _Mount(msgspec.Struct, rename="camel"):
    host_path: str
    container_path: str

    @property
    def target(self) -> PurePosixPath:
        return PurePosixPath(self.container_path)


class _Edits(msgspec.Struct):
    env: list[str] = []
    mounts: list[_Mount] = []


class _Device(msgspec.Struct, rename="camel"):
    name: str
    container_edits: _Edits


class _Spec(msgspec.Struct, rename="camel"):
    kind: str
    devices: list[_Device]
    container_edits: _Edits = msgspec.field(default_factory=_Edits)


def local_environment(devices: Sequence[str], *, cdi_dir: Path, scratch: Path) -> dict[str, str]:
    """Return the environment in which a local process uses the CDI `devices` (`vendor/class=name`).

    `scratch` is an empty folder that must outlive the process. Raises RuntimeSetupError.
    """
    edits = _collect(devices, _read_specs(cdi_dir))
    mounts = {mount.target: Path(mount.host_path) for mount in edits.mounts}
    environment = dict(entry.split("=", 1) for entry in edits.env)
    environment["LD_PRELOAD"] = _for_the_loader(map(str, _preloaded(mounts)))
    environment["LD_LIBRARY_PATH"] = _for_the_loader(_library_folders(mounts))
    _link_run(mounts, scratch)
    environment["HAMI_DRA_SHARES"] = str(scratch / "shares")
    return environment


def _read_specs(cdi_dir: Path) -> list[_Spec]:
    try:
        return [msgspec.json.decode(path.read_bytes(), type=_Spec) for path in sorted(cdi_dir.glob("*.json"))]
    except (OSError, msgspec.DecodeError) as error:
        raise RuntimeSetupError(f"cannot read the CDI specs in {cdi_dir}: {error}") from error


def _collect(devices: Iterable[str], specs: Sequence[_Spec]) -> _Edits:
    """Merge the edits of the named devices and of their specs, in CDI's order: a later value wins."""
    known = {f"{spec.kind}={device.name}": (spec, device) for spec in specs for device in spec.devices}
    merged = _Edits()
    for name in devices:
        if name not in known:
            raise RuntimeSetupError(f"there is no CDI device {name}; known are: {', '.join(known) or 'none'}")
        spec, device = known[name]
        for edits in (spec.container_edits, device.container_edits):
            merged.env.extend(edits.env)
            merged.mounts.extend(edits.mounts)
    return merged


def _preloaded(mounts: Mapping[PurePosixPath, Path]) -> Iterable[Path]:
    """Yield the host paths of the libraries that the container's /etc/ld.so.preload names."""
    if _PRELOAD in mounts:
        for name in mounts[_PRELOAD].read_text().split():
            yield mounts.get(PurePosixPath(name), Path(name))


def _library_folders(mounts: Mapping[PurePosixPath, Path]) -> Iterable[str]:
    """Return the host folders of the driver's libraries, where their version-less links lie beside them."""
    libraries = [host for target, host in mounts.items() if target.name.startswith(("libcuda.so", "libnvidia-ml.so"))]
    return dict.fromkeys(str(path.parent) for path in libraries)


def _for_the_loader(paths: Iterable[str]) -> str:
    """Join paths as ld.so(8) splits them: without what it would not find, a process would have the GPUs unlimited."""
    listed = list(paths)
    for path in listed:
        if re.search(r"[\s:;]", path):
            raise RuntimeSetupError(
                f"{path}: the loader takes no path with a space, colon or semicolon: set TMPDIR to another folder"
            )
    return ":".join(listed)


def _link_run(mounts: Mapping[PurePosixPath, Path], scratch: Path) -> None:
    """Lay out in `scratch` what containers have in /run/hami-dra: shares, and the turns of their GPUs."""
    (scratch / "shares").mkdir()
    for target, host in mounts.items():
        if target.parent.parent == _RUN:
            (scratch / target.parent.name).mkdir(exist_ok=True)
            (scratch / target.parent.name / target.name).symlink_to(host)
