"""Runs hami-dra-oci-hook as a container runtime does."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hami_dra.native import lib
from hami_dra.sim import Machine, MemoryLimit

MIB, GIB = 2**20, 2**30
ID = "4f0c9e1d2b"

_DEADLINE_S = 60


@dataclass
class Hook:
    """The hook of a container whose first process is `pid`, and the shares that it has."""

    shares: Path
    machine: Machine
    pid: int

    def share(self, name: str, gpu: int, memory: int) -> Path:
        """Lay out a share's folder as the plugin does, as far as the hook looks at it."""
        folder = self.shares / name
        (folder / "containers").mkdir(parents=True)
        self.set_memory(folder, gpu, memory)
        return folder

    def set_memory(self, share: Path, gpu: int, memory: int, name: str = "limits") -> Path:
        """Write a share's limits, or what is to become them."""
        lines = ("version 1", f"gpu {self.machine.gpus[gpu].uuid}", f"memory {memory}", "cores 30", "policy hard")
        (share / name).write_text("".join(f"{line}\n" for line in lines))
        return share / name

    @property
    def nvml(self) -> Path:
        return self.machine.library_dir / "libnvidia-ml.so.1"

    def state(self, **members: object) -> bytes:
        """What a runtime writes."""
        return json.dumps(
            {"ociVersion": "1.2.0", "id": ID, "status": "creating", "pid": self.pid, "bundle": "/b"} | members
        ).encode()

    def command(self, share: Path, enforce: str = "driver", nvml: Path | None = None) -> list[str]:
        return [
            *(str(lib("hami-dra-oci-hook")), "--share", str(share), "--nvml", str(nvml or self.nvml)),
            *("--enforce", enforce),
        ]

    def run(
        self,
        share: Path,
        enforce: str = "driver",
        nvml: Path | None = None,
        *options: str,
        state: bytes | None = None,
        wrapper: tuple[str, ...] = (),
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Run it to its end; return what it complains of, which is one line, or nothing."""
        done = subprocess.run(
            [*wrapper, *self.command(share, enforce, nvml), *options],
            input=self.state() if state is None else state,
            env={**os.environ, **variables},
            capture_output=True,
            timeout=_DEADLINE_S,
        )
        complaint = done.stderr.decode()
        assert done.stdout == b""
        assert done.returncode == (1 if complaint else 0)
        if complaint:
            assert complaint.startswith("hami-dra-oci-hook: ")
            assert complaint.count("\n") == 1
        return complaint.removeprefix("hami-dra-oci-hook: ").removesuffix("\n")

    def limits(self, gpu: int) -> list[MemoryLimit]:
        """The limits that the driver holds on a GPU."""
        return self.machine.usage()[gpu].limits

    def notes(self, share: Path) -> dict[str, str]:
        """What lies in a share's folder of containers, by name."""
        return {note.name: note.read_text() for note in (share / "containers").iterdir()}
