"""A container as libvgpu.so sees one: the driver's libraries, the preload, share folders and environment."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hami_dra.native import lib
from hami_dra.shares.folder import ShareFolders
from hami_dra.shares.region import ProcessUse, read_use
from hami_dra.shares.share import Share
from hami_dra.sim import Machine

KIB, MIB, GIB = 2**10, 2**20, 2**30

# What programs that use NVIDIA's bindings begin with.
CUDA = """
from cuda.bindings import driver as cuda

def call(name, *arguments):
    result, *values = getattr(cuda, name)(*arguments)
    assert result == 0, (name, result)
    return values[0] if values else None
"""

SUCCESS = 0
OUT_OF_MEMORY = 2
NOT_FOUND = 500

_DEADLINE_S = 60


def preload(*libraries: Path) -> str:
    """A value of LD_PRELOAD: what these tests are run with, then the libraries."""
    return ":".join([*filter(None, [os.environ.get("LD_PRELOAD")]), *map(str, libraries)])


class Client:
    """A running tests/native/core/client.c, which does what it is told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.pid = process.pid
        assert self._answer() == [SUCCESS]
        assert self.ask("device - 0") == [SUCCESS]

    def send(self, command: str) -> None:
        """Tell it to do something, without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def _answer(self) -> list[int]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client has died"
        return [int(word) for word in line.split()]

    def receive(self) -> list[int]:
        """The answer to the oldest command that is not answered."""
        return self._answer()

    def ask(self, command: str) -> list[int]:
        """Tell it to do something and wait for the answer: the driver's result, then values."""
        self.send(command)
        return self._answer()

    def allocate(self, size: int, kind: str = "alloc") -> list[int]:
        """The driver's result and the address or handle. A size for `pitch` is a number of rows of 1000 bytes."""
        return self.ask(f"allocate {kind} {size}")

    def release(self, key: int, kind: str = "alloc") -> int:
        return self.ask(f"release {kind} {key}")[0]

    def info(self) -> tuple[int, int]:
        """Free and total bytes as cuMemGetInfo shows them."""
        result, free, total = self.ask("info")
        assert result == SUCCESS
        return free, total

    def used(self) -> int:
        """Bytes in use as cuMemGetInfo shows them."""
        free, total = self.info()
        return total - free

    def total(self) -> int:
        """What cuDeviceTotalMem shows."""
        result, total = self.ask("total")
        assert result == SUCCESS
        return total

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass
class Container:
    """Starts processes that are held to `shares`. Everything that is started is killed by stop()."""

    shares: Path
    machine: Machine
    programs: Path
    environment: dict[str, str] = field(default_factory=dict)
    _clients: list[Client] = field(default_factory=list)
    _granted: list[Share] = field(default_factory=list)

    def grant(self, gpu: int | str, memory: int) -> Share:
        """Give the container a share of a GPU or MIG device, by UUID or by the GPU's place on the PCI bus."""
        share = Share(
            claim_namespace="default",
            claim_name="claim",
            claim_uid=f"00000000-0000-0000-0000-{len(self._granted):012}",
            request="gpu",
            share_id="share",
            pool="node",
            device=f"hami-gpu-{gpu}",
            gpu_uuid=gpu if isinstance(gpu, str) else self.machine.gpus[gpu].uuid,
            cores=50,
            memory=memory,
        )
        self._granted.append(share)
        self.write(share)
        return share

    def write(self, share: Share) -> None:
        """Lay out a share's folder, or change it, as the plugin does."""
        ShareFolders(self.shares).ensure(share)

    def resize(self, share: Share, memory: int) -> None:
        """Hold a share to so many bytes from now on, as the plugin does."""
        ShareFolders(self.shares).resize(share, memory)

    def folder(self, share: Share) -> Path:
        return ShareFolders(self.shares).path(share)

    def use(self, share: Share) -> dict[int, int]:
        """Bytes that each living process holds of a share, by PID, as the plugin reads it."""
        uses: tuple[ProcessUse, ...] = read_use(self.folder(share) / "region")
        return {use.pid: use.used for use in uses}

    def used_on(self, gpu: int) -> int:
        """Bytes that are really in use on a GPU."""
        return self.machine.usage()[gpu].used

    def _environ(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "HAMI_", "LD_"))}
        ours = {
            "LD_LIBRARY_PATH": f"{self.machine.library_dir}:{self.programs}",
            "LD_PRELOAD": preload(lib("libvgpu.so")),
        }
        if self.shares.exists():
            ours["HAMI_DRA_SHARES"] = str(self.shares)
        return kept | ours | self.environment | changes

    def client(self, how: str = "dlsym", through: Sequence[str | Path] = (), **environment: str) -> Client:
        """Start a client, which has a context on the first device. `how` it finds the driver's functions.

        `through` is a command that starts it in place of the kernel, such as a loader.
        """
        process = self.start("client", how, through=through, **environment)
        try:
            client = Client(process)
        except BaseException:
            process.kill()
            raise
        self._clients.append(client)
        return client

    def start(
        self, program: str, *arguments: str, through: Sequence[str | Path] = (), **environment: str
    ) -> "subprocess.Popen[str]":
        """Start one of the test programs with pipes to and from it; whoever starts it ends it."""
        return subprocess.Popen(
            [*through, self.programs / program, *arguments],
            env=self._environ(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end."""
        return subprocess.run(
            command, env=self._environ(**environment), capture_output=True, text=True, timeout=_DEADLINE_S
        )

    def python(self, code: str, **environment: str) -> Any:
        """Run Python code in a process of its own, with what it prints read as JSON."""
        done = self.run(sys.executable, "-c", code, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self) -> None:
        for client in self._clients:
            client.kill()
            for stream in (client.process.stdin, client.process.stdout):
                assert stream is not None
                stream.close()
