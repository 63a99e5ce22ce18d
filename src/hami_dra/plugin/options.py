"""The plugin's command line; each flag can also be given by an environment variable."""

import argparse
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hami_dra.kube import is_url
from hami_dra.shares import DRIVER_NAME

from .enforcement import WANTED, Wanted

_LEVELS = ("debug", "info", "warning", "error")
_OVERUSE = ("report", "evict")

OnOveruse = Literal["report", "evict"]
"""What becomes of pods that use more memory than they were granted, where the driver does not keep them from it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the plugin was told at start. The folders, but for `driver_root`, have the same path on the host."""

    node_name: str
    driver_root: Path
    host_driver_root: Path
    cdi_dir: Path
    state_dir: Path
    install_dir: Path
    plugin_dir: Path
    registry_dir: Path
    pod_uid: str | None
    tenants: int | None
    metrics_address: tuple[str, int]
    memory_enforcement: Wanted
    on_overuse: OnOveruse
    log_level: int
    kubeconfig: Path | None
    api_server: str | None
    nvidia_ctk: Path | None
    nvidia_cdi_hook: Path | None

    @property
    def shares_dir(self) -> Path:
        """Where the share folders lie."""
        return self.state_dir / "shares"


def parse_options(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read the command line, then the environment, for each flag. Exits with status 2 and the reason for bad ones."""
    parser = _Parser(environment)
    flag = parser.flag
    flag("node-name", str, environment.get("NODE_NAME"), "name of this node in the cluster; NODE_NAME says it too")
    flag("driver-root", _absolute, "/", "where this process sees the root of NVIDIA's driver")
    flag("host-driver-root", _absolute, None, "where the host has it (default: the same)")
    flag("cdi-dir", _absolute, "/var/run/cdi", "folder of CDI specs that the container runtime watches")
    flag("state-dir", _absolute, "/run/hami-dra", "folder of the share folders; best not on a disk")
    flag("install-dir", _absolute, "/var/lib/hami-dra", "folder for what containers use from the host")
    flag("plugin-dir", _absolute, f"/var/lib/kubelet/plugins/{DRIVER_NAME}", "folder of the driver's socket")
    flag("registry-dir", _absolute, "/var/lib/kubelet/plugins_registry", "folder that the kubelet looks for drivers in")
    flag("pod-uid", str, environment.get("POD_UID"), "UID of this pod, for updates without a gap; POD_UID says it too")
    flag("tenants", _count, None, "how many shares of a GPU there may be at a time (default: any number)")
    flag("metrics-address", _address, ":9400", "where /metrics, /healthz and /readyz are; any address without a host")
    flag("memory-enforcement", _one_of(WANTED), "auto", "who holds memory: driver, library, or auto (driver if it can)")
    flag("on-overuse", _one_of(_OVERUSE), "report", "report pods that use more memory than granted, or evict them")
    flag("log-level", _level, "info", f"one of {', '.join(_LEVELS)}")
    flag("kubeconfig", _absolute, None, "how to reach the API server (default: the pod's service account)")
    flag("api-server", _url, None, "URL of an API server that asks for no credentials")
    flag("nvidia-ctk", _absolute, shutil.which("nvidia-ctk"), "NVIDIA's container toolkit (default: from PATH)")
    flag("nvidia-cdi-hook", _absolute, shutil.which("nvidia-cdi-hook"), "its hook program (default: from PATH)")
    return parser.options(arguments)


class _Parser:
    """An argument parser in which every flag has an environment variable."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._parser = argparse.ArgumentParser(
            prog="hami-dra-plugin",
            description="DRA driver that shares NVIDIA GPUs between pods.",
            epilog="A flag that is not given is taken from the environment: --cdi-dir from HAMI_DRA_CDI_DIR.",
            allow_abbrev=False,
        )

    def flag(self, name: str, kind: Callable[[str], object], default: str | None, help_: str) -> None:
        given = self._environment.get("HAMI_DRA_" + name.upper().replace("-", "_")) or default
        shown = help_ if default is None or "default" in help_ else f"{help_} (default: {default})"
        self._parser.add_argument(
            f"--{name}", type=kind, default=given, help=shown, metavar=name.split("-")[-1].upper()
        )

    def options(self, arguments: Sequence[str]) -> Options:
        values = vars(self._parser.parse_args(arguments))
        if not values["node_name"]:
            self._parser.error("--node-name is missing: in a DaemonSet, set NODE_NAME from spec.nodeName")
        if values["kubeconfig"] and values["api_server"]:
            self._parser.error("--kubeconfig and --api-server exclude each other")
        values["host_driver_root"] = values["host_driver_root"] or values["driver_root"]
        return Options(**values)


def _absolute(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text).absolute()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and int(port) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _url(text: str) -> str:
    if not is_url(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not http://… or https://…")
    return text


def _one_of(words: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words)}")
        return text

    return parse


def _level(text: str) -> int:
    if text not in _LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_LEVELS)}")
    return logging.getLevelNamesMapping()[text.upper()]
