"""Fuzzes each target for a time: python -m tests.native.fuzz [SECONDS] [TARGET...].

Inputs that reach something new are collected in build/fuzz, and where the next run goes on. One that does harm is kept
there as `current`: when its cause is mended it belongs into the corpus, under a name that says what it is.
"""

import argparse
import sys
import time

from tests.native.fuzz.targets import TARGETS, build, run
from tests.native.sanitizers import ROOT

_ENDLESS = 2**62
_OPTIONS = {"ASAN_OPTIONS": "handle_sigill=1"}


def main(seconds: int, targets: list[str]) -> int:
    """Print a line for each target; return the number of those that failed."""
    programs, failed = build(), 0
    for target in targets:
        found = ROOT / "build/fuzz" / target
        found.mkdir(parents=True, exist_ok=True)
        done = run(programs / target, found, _OPTIONS, runs=_ENDLESS, seconds=seconds, seed=time.time_ns())
        if done.returncode != 0:
            failed += 1
            print(f"{target}: fails on {found}/current\n{done.stderr}")
        else:
            executions, new = done.stdout.split()
            print(f"{target}: {executions} inputs, {new} of them new", flush=True)
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.native.fuzz", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=_seconds, default=60, help="for each target (%(default)s)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", type=_target, help=", ".join(TARGETS))
    return parser


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**6):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 on")
    return int(text)


def _target(text: str) -> str:
    if text not in TARGETS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(TARGETS)}")
    return text


if __name__ == "__main__":
    options = _parser().parse_args()
    sys.exit(main(options.seconds, options.targets or TARGETS))
