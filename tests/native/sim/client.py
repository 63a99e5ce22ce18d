"""Programs that use a simulated machine: ordinary Python processes with NVIDIA's own bindings."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from hami_dra.sim import Machine

# What every program starts with. A call returns what the driver gave back, or raises with the driver's name of the
# error.
PRELUDE = """
import json, os, sys
from cuda.bindings import driver

def call(name, *arguments):
    result, *values = getattr(driver, name)(*arguments)
    if result:
        raise RuntimeError(result.name)
    return values[0] if len(values) == 1 else values

def error_of(name, *arguments):
    return getattr(driver, name)(*arguments)[0].name

def start(device=0):
    call("cuInit", 0)
    call("cuCtxSetCurrent", call("cuDevicePrimaryCtxRetain", device))

def free():
    return call("cuMemGetInfo")[0]

def show(value):
    print(json.dumps(value), flush=True)

MIB, GIB = 2**20, 2**30
"""
_NVML_PRELUDE = """
import json, sys
import pynvml
from pynvml import *

def show(value):
    print(json.dumps(value), flush=True)

MIB, GIB = 2**20, 2**30
"""


def environment(machine: Machine, **variables: str) -> dict[str, str]:
    """The environment of a process on the machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUDA_")}
    return kept | {"LD_LIBRARY_PATH": str(machine.library_dir)} | variables


def run(machine: Machine, program: str, *wrapper: str, **variables: str) -> Any:
    """Run a program with cuda-bindings; return what it last passed to `show`."""
    return _run(machine, PRELUDE + program, wrapper, variables)


def run_nvml(machine: Machine, program: str, *wrapper: str, **variables: str) -> Any:
    """Run a program with nvidia-ml-py; return what it last passed to `show`."""
    return _run(machine, _NVML_PRELUDE + program, wrapper, variables)


def _run(machine: Machine, program: str, wrapper: tuple[str, ...], variables: dict[str, str]) -> Any:
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", program],
        env=environment(machine, **variables),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def running(machine: Machine, program: str, *wrapper: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ran the program up to its end and waits there; it is killed in the end, if it still lives."""
    program = PRELUDE + program + "\nshow('ready')\nsys.stdin.read()\n"
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-c", program],
        env=environment(machine),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b'"ready"\n'
            yield process
        finally:
            process.kill()
