"""The CDI spec of kind nvidia.com/gpu that a machine with NVIDIA's container toolkit has, for where there is none."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .machine import CONTROL_NODES, SMI, STATE, Machine
from .mig import capabilities, capability_node

_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"]


def write_cdi_spec(machine: Machine, folder: Path) -> Path:
    """Write the spec of the machine's GPUs and MIG devices, each named by its UUID, into a CDI folder; return its path.

    It needs no hooks: what nvidia-ctk's make in the container, links to the libraries, it mounts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nvidia.json"
    path.write_text(json.dumps(_spec(machine), indent=2) + "\n")
    return path


def _spec(machine: Machine) -> dict[str, Any]:
    return {
        "cdiVersion": "0.5.0",
        "kind": "nvidia.com/gpu",
        "devices": [
            {"name": name, "containerEdits": {"deviceNodes": [_node(machine, node) for node in nodes]}}
            for name, nodes in _devices(machine)
        ],
        "containerEdits": {
            "env": ["NVIDIA_VISIBLE_DEVICES=void"],
            "deviceNodes": [_node(machine, name) for name in CONTROL_NODES],
            "mounts": [
                *(_mount(machine, path) for path in sorted(machine.library_dir.iterdir())),
                _mount(machine, machine.root / SMI),
                _mount(machine, machine.root / STATE, writable=True),
            ],
        },
    }


def _devices(machine: Machine) -> Iterator[tuple[str, list[str]]]:
    """Each device's name, and its nodes below /dev: as NVIDIA's tools have it, a GPU in MIG mode is none."""
    for minor, gpu in enumerate(machine.usage()):
        if gpu.mig is None:
            yield gpu.uuid, [f"nvidia{minor}"]
        for device in gpu.mig or ():
            nodes = [str(capability_node(each).relative_to("dev")) for each in capabilities(minor, device)]
            yield device.uuid, [f"nvidia{minor}", *nodes]


def _node(machine: Machine, name: str) -> dict[str, str]:
    return {"path": f"/dev/{name}", "hostPath": str(machine.root / "dev" / name)}


def _mount(machine: Machine, path: Path, *, writable: bool = False) -> dict[str, Any]:
    options = [*_OPTIONS[1:], "noexec"] if writable else _OPTIONS
    return {
        "hostPath": str(path.resolve()),
        "containerPath": f"/{path.relative_to(machine.root)}",
        "options": options,
    }
