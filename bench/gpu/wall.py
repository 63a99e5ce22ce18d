"""The driver's own memory limit on a real GPU: `python3 -m bench.gpu.wall --out report.json`, as root.

Sets a limit with hami-dra-oci-hook as a container runtime does, and sees who keeps to it. Needs driver R615, cgroup v2,
a C compiler and nothing else. The exit status is 0 if all holds, 1 if something does not, 2 if the machine cannot.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.gpu import build
from bench.gpu.limits import LimitsError, Nvml
from bench.gpu.report import Report
from bench.gpu.trial import MIB, Group, Trial

CANNOT = 2
_FIRST_DRIVER = 615
_PROGRAMS = (build.hook, build.library, build.take, build.own_loader)


def main() -> int:
    """Look whether the machine can, try everything, print and write the report."""
    options = _options()
    missing = list(_missing(options.cgroups, options.gpu))
    if missing:
        print("\n".join(f"This machine cannot: {each}." for each in missing))
        return CANNOT
    with tempfile.TemporaryDirectory(prefix="bench-wall-") as name, _cgroup(options.cgroups) as group:
        folder = Path(name)
        report = Report(options.out, 60 * options.minutes)
        report.results |= {**_machine(options.gpu), "backend": group.backend, "limit": options.limit_mib * MIB}
        if programs := report.run("programs", lambda: [str(make(folder)) for make in _PROGRAMS]):
            paths = map(Path, programs)
            Trial(Nvml(), options.gpu, options.limit_mib * MIB, group, folder, *paths).run(report)
    report.write()
    print(report.text)
    return 0 if report.results.get("holds") else 1


def _missing(cgroups: Path, gpu: int) -> Iterator[str]:
    """What there would have to be, in words."""
    if shutil.which(build.compiler()[0]) is None:
        yield f"there is no C compiler {build.compiler()[0]} (CC=... names another)"
    if os.geteuid() != 0:
        yield "setting the driver's limits needs root"
    if not (cgroups / "cgroup.controllers").exists():
        yield f"cgroup v2 is not mounted at {cgroups}, where the driver looks for it"
    try:
        nvml = Nvml()
        version = nvml.driver_version()
        if int(version.split(".")[0]) < _FIRST_DRIVER or not nvml.can_limit:
            yield f"its driver is {version}, and limits came with R{_FIRST_DRIVER}"
        if nvml.has_mig(nvml.device(gpu)):
            yield f"GPU {gpu} is in MIG mode, in which the driver limits nothing"
    except OSError as error:
        yield f"there is no NVML: {error}"
    except LimitsError as error:
        yield f"NVML gives no GPU {gpu}: {error}"


@contextmanager
def _cgroup(root: Path) -> Iterator[Group]:
    """A new cgroup below the tree's root, with the controller dmem where the kernel has it."""
    if "dmem" in (root / "cgroup.controllers").read_text().split():
        (root / "cgroup.subtree_control").write_text("+dmem")
    group = Group(root / f"hami-wall-{os.getpid()}")
    group.path.mkdir()
    try:
        yield group
    finally:
        group.remove()


def _machine(gpu: int) -> dict[str, Any]:
    nvml = Nvml()
    return {"driver": nvml.driver_version(), "gpu": nvml.uuid(nvml.device(gpu)), "kernel": os.uname().release}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench.gpu.wall", description=__doc__)
    parser.add_argument("--gpu", type=int, default=0, help="its place in nvidia-smi's list (%(default)s)")
    parser.add_argument("--limit-mib", type=int, default=8192, help="the limit, in MiB (%(default)s)")
    parser.add_argument("--cgroups", type=Path, default=Path("/sys/fs/cgroup"), help="for the simulator")
    parser.add_argument("--minutes", type=float, default=5, help="after which nothing more is begun (%(default)s)")
    parser.add_argument("--out", type=Path, help="where the report is written as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
