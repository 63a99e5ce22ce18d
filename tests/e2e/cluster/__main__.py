"""The cluster by hand: `python -m tests.e2e.cluster up|exec|load|restart|down`, each with --help."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e.cluster.client import Failed
from tests.e2e.cluster.local import LocalCluster


def main() -> None:
    """Parse the command line and do what it says."""
    options = _parser().parse_args()
    cluster = LocalCluster(options.home)
    match options.do:
        case "up":
            began = time.monotonic()
            cluster.up(dict(options.feature_gate), options.emulated_version)
            print(f"up after {time.monotonic() - began:.1f} s in {cluster.home}")
        case "exec":
            command = cluster.command(*options.command)
            os.execvpe(command[0], command, cluster.environment())
        case "load":
            for archive in options.archive:
                cluster.load_image(archive.resolve())
        case "restart":
            cluster.restart(options.component)
        case "down":
            cluster.down()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.cluster", description=LocalCluster.__doc__)
    default_home = Path(tempfile.gettempdir()) / "hami-dra-cluster"
    parser.add_argument("--home", type=Path, default=default_home, help="folder of its state (%(default)s)")
    commands = parser.add_subparsers(dest="do", required=True)
    up = commands.add_parser("up", help="start it")
    up.add_argument("--feature-gate", type=_gate, action="append", default=[], metavar="NAME=true|false")
    up.add_argument("--emulated-version", help="behave as this older version, e.g. 1.34")
    execute = commands.add_parser("exec", help="run a command in the node, e.g. kubectl, helm, ctr or bash")
    execute.add_argument("command", nargs=argparse.REMAINDER)
    commands.add_parser("load", help="import image archives").add_argument("archive", nargs="+", type=Path)
    commands.add_parser("restart", help="restart a component, e.g. kubelet").add_argument("component")
    commands.add_parser("down", help="stop it")
    return parser


def _gate(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if not name or value not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=true or NAME=false")
    return name, value == "true"


if __name__ == "__main__":
    try:
        main()
    except Failed as problem:
        sys.exit(f"python -m tests.e2e.cluster: {problem}")
