"""A machine with one simulated GPU, and tenants' programs on it, held to their shares by some libvgpu.so or by none."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.compute.scenario import Tenant
from bench.core.program import Program, compile_program
from bench.core.subject import Subject
from hami_dra.shares.folder import ShareFolders
from hami_dra.shares.share import ComputePolicy, Priority, Share
from hami_dra.sim import Machine, create_machine, simulated_gpus

_SOURCES = tuple(Path(__file__).with_name(name) for name in ("load.c", "kernel.c"))
_MEMORY = 2**30
_GPU_MEMORY = 16 * 2**30
_POLICIES: Mapping[ComputePolicy, str] = {"hard": "FORCE", "work-conserving": "DEFAULT", "off": "DISABLE"}
_PRIORITIES: Mapping[Priority, str] = {"high": "0", "low": "1"}


def compile_load(folder: Path) -> Path:
    """Compile load.c into a folder and return the program's path. Raises ProgramError."""
    return compile_program(folder, _SOURCES)


@dataclass(frozen=True)
class Site:
    """A machine below a folder, and what stands in front of its driver: `library`, or nothing."""

    folder: Path
    machine: Machine
    program: Path
    library: Path | None

    def start(self, tenant: Tenant) -> Program:
        """Start one of a tenant's processes, with no GPU in use yet."""
        return self.subject(tenant).start(list(tenant.load.arguments()))

    def subject(self, tenant: Tenant) -> Subject:
        """How a tenant's processes run."""
        return Subject(tenant.name, self.program, self.machine, self._preload(tenant))

    def set_cores(self, tenant: Tenant, cores: int) -> None:
        """Let a tenant have more or less of the GPU's time from now on, as the plugin does it."""
        self._folders(tenant).ensure(self._share(tenant, cores))

    def _preload(self, tenant: Tenant) -> dict[str, str]:
        """A share, told both by a folder and by HAMi-core's environment contract: a library follows what it knows."""
        if self.library is None:
            return {}
        self.set_cores(tenant, tenant.cores)
        return {
            "LD_PRELOAD": str(self.library.absolute()),
            "HAMI_DRA_SHARES": str(self._folders(tenant).root),
            "CUDA_DEVICE_MEMORY_LIMIT": f"{_MEMORY // 2**20}m",
            "CUDA_DEVICE_MEMORY_SHARED_CACHE": str(self.folder / f"cache-{tenant.name}"),
            "CUDA_DEVICE_SM_LIMIT": str(tenant.cores),
            "CUDA_TASK_PRIORITY": _PRIORITIES[tenant.priority],
            "GPU_CORE_UTILIZATION_POLICY": _POLICIES[tenant.policy],
            "LIBCUDA_LOG_LEVEL": "0",
        }

    def _folders(self, tenant: Tenant) -> ShareFolders:
        """A folder of shares for each tenant, as its containers see it, beside which lie the turns of all."""
        return ShareFolders(self.folder / f"shares-{tenant.name}")

    def _share(self, tenant: Tenant, cores: int) -> Share:
        return Share(
            claim_namespace="bench",
            claim_name=tenant.name,
            claim_uid="00000000-0000-0000-0000-000000000000",
            request="gpu",
            share_id="share",
            pool="node",
            device="hami-gpu-0",
            gpu_uuid=self.machine.gpus[0].uuid,
            cores=cores,
            memory=_MEMORY,
            compute_policy=tenant.policy,
            priority=tenant.priority,
        )


def lay_out(folder: Path, program: Path, library: Path | None) -> Site:
    """Lay out a new machine below a folder. Raises MachineError."""
    machine = create_machine(folder / "machine", simulated_gpus(1, memory_bytes=_GPU_MEMORY))
    return Site(folder, machine, program, library)
