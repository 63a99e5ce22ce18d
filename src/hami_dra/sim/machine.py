"""Lays out a simulated machine below a folder, and tells what runs on it.

The folder is what NVIDIA's tools call a driver root: libraries, nvidia-smi, device nodes, and the machine's state where
a real machine has the socket of nvidia-persistenced. The simulated libraries find the state by their own path.
"""

import os
import platform
import shutil
import stat
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ..native import lib
from .gpus import SimulatedGpu
from .mig import capability_minors, capability_node, write_proc
from .usage import GpuUsage, MigUsage

STATE = Path("run/nvidia-persistenced/socket")
SMI = Path("usr/bin/nvidia-smi")
CONTROL_NODES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
_GPUS_PER_DOMAIN = 128

# What NVML tells of the processes on a GPU: PIDs and memory as recent drivers do, PIDs only, or nothing.
ProcessList = Literal["whole", "without-memory", "absent"]
# Who counts for limits on cgroups: the driver by itself, or the kernel's controller dmem for it.
LimitsBackend = Literal["misc", "dmem"]


class MachineError(Exception):
    """A machine cannot be laid out or read; the text says why."""


@dataclass(frozen=True)
class SimulatedDriver:
    """What the driver says of itself, what a context costs, what NVML tells of processes, how these share a GPU, and
    by which of its backends the driver limits the memory of cgroups.

    While several have kernels to run, each has the GPU for one slice in turn; a change to another takes `switch_us`.
    """

    version: str = "580.65.06"
    cuda_version: str = "13.0"
    context_memory_bytes: int = 0
    context_ms: int = 0
    process_list: ProcessList = "whole"
    slice_us: int = 2000
    switch_us: int = 0
    limits_backend: LimitsBackend = "misc"


class _Shown(msgspec.Struct):
    gpus: list[GpuUsage]


@dataclass(frozen=True)
class Machine:
    """A machine that was laid out below `root`."""

    root: Path
    gpus: tuple[SimulatedGpu, ...]
    driver: SimulatedDriver = SimulatedDriver()

    @property
    def state(self) -> Path:
        """The file that all simulated libraries of the machine share."""
        return self.root / STATE

    @property
    def library_dir(self) -> Path:
        """The folder of the driver's libraries, for LD_LIBRARY_PATH."""
        return self.root / "usr/lib" / f"{platform.machine()}-linux-gnu"

    @property
    def smi(self) -> Path:
        """The stand-in for nvidia-smi."""
        return self.root / SMI

    def usage(self) -> list[GpuUsage]:
        """Return what is used of each GPU, in PCI order. Raises MachineError."""
        return msgspec.json.decode(_hami_sim("show", str(self.state)), type=_Shown).gpus

    def fault(self, gpu_uuid: str, *faults: str) -> None:
        """Let something happen to a GPU, such as `xid=79` or `lost=1`; docs/simulator.md has the list.

        Who uses the machine sees it at once. Raises MachineError.
        """
        _hami_sim("fault", str(self.state), gpu_uuid, *faults)

    def divide(self, gpu_uuid: str, *profiles: str) -> list[MigUsage]:
        """Put a GPU into MIG mode, divided like this; return its MIG devices, of which those that fit stay as they are.

        Raises MachineError, also where one that must go is in use.
        """
        return self._set_mig(gpu_uuid, "on", *profiles)

    def unite(self, gpu_uuid: str) -> None:
        """Take a GPU out of MIG mode. Raises MachineError, also where one of its MIG devices is in use."""
        self._set_mig(gpu_uuid, "off")

    def _set_mig(self, gpu_uuid: str, *layout: str) -> list[MigUsage]:
        _hami_sim("mig", str(self.state), gpu_uuid, *layout)
        devices = {minor: gpu.mig or [] for minor, gpu in enumerate(self.usage())}
        write_proc(self.root, len(self.gpus), devices)
        wanted = {self.root / capability_node(minor) for minor in capability_minors(devices)}
        nodes = (self.root / capability_node(0)).parent
        nodes.mkdir(exist_ok=True)
        for node in set(nodes.iterdir()) - wanted:
            node.unlink()
        for node in wanted - set(nodes.iterdir()):
            _make_node(node)
        return next(devices[minor] for minor, gpu in enumerate(self.gpus) if gpu.uuid == gpu_uuid)


def create_machine(root: Path, gpus: Sequence[SimulatedGpu], driver: SimulatedDriver = SimulatedDriver()) -> Machine:
    """Lay out a machine below `root`, which is made if need be. Raises MachineError, also if there is one already."""
    machine = Machine(root.absolute(), tuple(gpus), driver)
    if machine.state.exists():
        raise MachineError(f"there is a machine in {root} already: remove it, or take another folder")
    try:
        machine.state.parent.mkdir(parents=True, exist_ok=True)
        # First: what it refuses leaves no other file, and of two who begin at once it lets one go on.
        _hami_sim("create", str(machine.state), *_driver_options(driver), *_gpu_options(machine.gpus))
        try:
            _lay_out(machine)
        except BaseException:
            machine.state.unlink(missing_ok=True)  # by which it would be taken for a machine
            raise
    except OSError as error:
        raise MachineError(f"cannot lay out a machine in {root}: {error}") from error
    return machine


def _lay_out(machine: Machine) -> None:
    _copy_driver(machine)
    _make_nodes(machine)
    for gpu in machine.gpus:
        if gpu.mig is not None:
            machine.divide(gpu.uuid, *gpu.mig)


def _hami_sim(*arguments: str) -> bytes:
    try:
        return subprocess.run([lib("sim/hami-sim"), *arguments], check=True, capture_output=True).stdout
    except subprocess.CalledProcessError as error:
        raise MachineError(error.stderr.decode(errors="replace").strip()) from error


def _driver_options(driver: SimulatedDriver) -> Iterable[str]:
    yield from ("--driver", driver.version)
    yield from ("--cuda", driver.cuda_version)
    yield from ("--context-memory", str(driver.context_memory_bytes))
    yield from ("--context-ms", str(driver.context_ms))
    yield from ("--process-list", driver.process_list)
    yield from ("--slice-us", str(driver.slice_us))
    yield from ("--switch-us", str(driver.switch_us))
    yield from ("--limits-backend", driver.limits_backend)


def _gpu_options(gpus: Sequence[SimulatedGpu]) -> Iterable[str]:
    for minor, gpu in enumerate(gpus):
        domain, bus = divmod(minor, _GPUS_PER_DOMAIN)
        keys = {
            "uuid": gpu.uuid,
            "name": gpu.model.name,
            "memory": gpu.memory_bytes,
            "minor": minor,
            "pci": f"{domain:04x}:{bus + 1:02x}:00",
            "pci-id": f"{gpu.model.pci_id:#x}",
            "brand": gpu.model.brand,
            "architecture": gpu.model.architecture,
            "compute": gpu.model.compute_capability,
            "multiprocessors": gpu.model.multiprocessors,
        }
        yield "--gpu"
        yield ",".join(f"{key}={value}" for key, value in keys.items())


def _copy_driver(machine: Machine) -> None:
    """Copy rather than link: containers get these files by themselves, without what a link would point to."""
    machine.library_dir.mkdir(parents=True, exist_ok=True)
    for name in ("libcuda", "libnvidia-ml"):
        versioned = machine.library_dir / f"{name}.so.{machine.driver.version}"
        shutil.copy(lib(f"sim/{name}.so"), versioned)
        _link(machine.library_dir / f"{name}.so.1", versioned.name)
    _link(machine.library_dir / "libcuda.so", "libcuda.so.1")
    machine.smi.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(lib("sim/nvidia-smi"), machine.smi)


def _link(link: Path, target: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _make_nodes(machine: Machine) -> None:
    nodes = machine.root / "dev"
    nodes.mkdir(parents=True, exist_ok=True)
    for name in (*(f"nvidia{minor}" for minor in range(len(machine.gpus))), *CONTROL_NODES):
        _make_node(nodes / name)


def _make_node(node: Path) -> None:
    """Make a device node that is /dev/null in truth, or an empty file where device nodes cannot be made or opened.

    The simulator only asks whether it can be opened; NVIDIA's tools insist on a device.
    """
    node.unlink(missing_ok=True)
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.close(os.open(node, os.O_RDWR))
    except PermissionError:
        node.unlink(missing_ok=True)
        node.touch()
    node.chmod(0o666)
