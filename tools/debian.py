"""Installs Debian packages that are missing, and starts none of the services that they bring."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# Debian's own hook: package scripts ask it before they start a service; 101 means "not allowed".
_SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")


def install(packages: Mapping[str, str]) -> None:
    """Install the package of each program (a name on PATH) or file (an absolute path) that this machine lacks."""
    missing = sorted({package for what, package in packages.items() if not _is_there(what)})
    if not missing:
        return
    wanted = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"this machine lacks the Debian packages {wanted}: install them, or run as root on Debian")
    print(f"installing {wanted}", file=sys.stderr, flush=True)
    guarded = not _SERVICE_POLICY.exists()
    if guarded:
        _SERVICE_POLICY.write_text("#!/bin/sh\nexit 101\n")
        _SERVICE_POLICY.chmod(0o755)
    try:
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", *missing)
    finally:
        if guarded:
            _SERVICE_POLICY.unlink()


def _is_there(what: str) -> bool:
    if what.startswith("/"):
        return Path(what).exists()
    # A user's PATH may lack the folders of system programs.
    return shutil.which(what, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _apt_get(*args: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", "--quiet", *args], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"apt-get {' '.join(args)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
