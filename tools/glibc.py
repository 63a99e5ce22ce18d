"""The C library of a Debian suite, to run programs on: fetched by apt and unpacked as any user, not installed."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tools.cache import cached

_KEYRINGS = Path("/usr/share/keyrings")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Suite:
    """A suite and where it lies; `keyring` is of Debian's package debian-archive-keyring."""

    name: str
    mirror: str = "http://deb.debian.org/debian"
    keyring: str = "debian-archive-keyring.gpg"


# Oldest first: the first that can be reached is the oldest. Jessie's is 2.19; Debian never had 2.17 or 2.18 in one.
OLD = (Suite("jessie", "http://archive.debian.org/debian", "debian-archive-removed-keys.gpg"), Suite("bullseye"))
NEWEST = Suite("sid")


class UnreachableError(Exception):
    """The suite cannot be had; says why."""


def glibc(suite: Suite) -> Path:
    """The folder of the suite's loader and C library, for this machine's architecture; at most a month old."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise UnreachableError("apt-get and dpkg-deb are needed to fetch Debian's packages")
    machine = os.uname().machine
    root = cached(f"glibc/{suite.name}-{machine}-{date.today():%Y-%m}", lambda folder: _fetch(suite, folder))
    (library,) = root.rglob("libc.so.6")
    return library.parent


def _fetch(suite: Suite, folder: Path) -> None:
    work = folder / ".apt"
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (work / needed).mkdir(parents=True)
    (work / "status").touch()
    # A suite that Debian no longer maintains has been signed for the last time.
    signed = f"[check-valid-until=no signed-by={_KEYRINGS / suite.keyring}]"
    (work / "sources.list").write_text(f"deb {signed} {suite.mirror} {suite.name} main\n")
    _apt_get(work, "update", "--error-on=any")
    _apt_get(work, "download", "libc6")
    (package,) = work.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    shutil.rmtree(work)


def _apt_get(work: Path, *command: str) -> None:
    architecture = _ARCHITECTURES[os.uname().machine]
    options = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Sandbox::User": "",  # that user could not write here
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "Acquire::Languages": "none",
        "Acquire::http::Timeout": 20,
        "Acquire::Retries": 0,
    }
    words = [f"--option={name}={value}" for name, value in options.items()]
    done = subprocess.run(["apt-get", "--quiet", *words, *command], cwd=work, capture_output=True, text=True)
    if done.returncode != 0:
        raise UnreachableError(f"apt-get {' '.join(command)}: {done.stderr.strip()}")
