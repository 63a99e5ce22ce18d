"""What is measured: the driver alone, or the driver with a libvgpu.so in front of it, each on a machine of its own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.program import Program, ProgramError
from hami_dra.shares.folder import ShareFolders
from hami_dra.shares.share import Share
from hami_dra.sim import Machine, SimulatedDriver, SimulatedGpu, create_machine, simulated_gpus

_GIB = 2**30
_GPU = 16 * _GIB
_LIMIT = 8 * _GIB
_OVER_LIMIT = 12 * _GIB  # a GPU without a limit has room for it


@dataclass(frozen=True)
class Subject:
    """One way to run a program: on which machine, with what in front of its driver."""

    name: str
    program: Path
    machine: Machine
    preload: dict[str, str]

    def start(self, arguments: Sequence[str] = ()) -> Program:
        """Start the program, with no GPU in use yet."""
        return Program(self.program, self._environment(), arguments)

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "HAMI_", "LD_", "GPU_"))
        }
        return inherited | {"LD_LIBRARY_PATH": str(self.machine.library_dir)} | self.preload


def lay_out(folder: Path, name: str, program: Path, library: Path | None, context_ms: int) -> Subject:
    """Lay out a machine below a folder, with a share of its GPU for a library; None: the driver alone.

    A context takes context_ms there. A library is told its limit both by a share folder and by HAMi-core's environment
    contract, and follows the one that it knows. Raises ProgramError if it follows none: its times would mean nothing.
    """
    gpus = simulated_gpus(1, memory_bytes=_GPU)
    machine = create_machine(folder / "machine", gpus, SimulatedDriver(context_ms=context_ms))
    if library is None:
        return Subject(name, program, machine, {})
    subject = Subject(name, program, machine, _preload(folder, library, gpus[0]))
    try:
        with subject.start() as running:
            running.ask(f"refuse {_OVER_LIMIT}")
    except ProgramError as error:
        raise ProgramError(f"{library} holds no limit, so there is nothing to measure: {error}") from error
    return subject


def _preload(folder: Path, library: Path, gpu: SimulatedGpu) -> dict[str, str]:
    """The environment of processes that a library holds to one share of the GPU's memory and all of its time."""
    share = Share(
        claim_namespace="default",
        claim_name="bench",
        claim_uid="00000000-0000-0000-0000-000000000000",
        request="gpu",
        share_id="share",
        pool="node",
        device="hami-gpu-0",
        gpu_uuid=gpu.uuid,
        cores=100,
        memory=_LIMIT,
    )
    ShareFolders(folder / "shares").ensure(share)
    return {
        "LD_PRELOAD": str(library.absolute()),
        "HAMI_DRA_SHARES": str(folder / "shares"),
        "CUDA_DEVICE_MEMORY_LIMIT": f"{_LIMIT // 2**20}m",
        "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(folder / "cache"),
        "LIBCUDA_LOG_LEVEL": "0",
    }
