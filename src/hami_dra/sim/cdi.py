"""The CDI spec of kind nvidia.com/gpu that a machine with NVIDIA's container toolkit has, for where there is none."""

import json
from pathlib import Path
from typing import Any

from .machine import CONTROL_NODES, SMI, STATE, Machine

_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"]


def write_cdi_spec(machine: Machine, folder: Path) -> Path:
    """Write the spec of the machine's GPUs, each named by its UUID, into a CDI folder; return its path.

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
            {"name": gpu.uuid, "containerEdits": {"deviceNodes": [_node(machine, f"nvidia{minor}")]}}
            for minor, gpu in enumerate(machine.gpus)
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


def _node(machine: Machine, name: str) -> dict[str, str]:
    return {"path": f"/dev/{name}", "hostPath": str(machine.root / "dev" / name)}


def _mount(machine: Machine, path: Path, *, writable: bool = False) -> dict[str, Any]:
    options = [*_OPTIONS[1:], "noexec"] if writable else _OPTIONS
    return {
        "hostPath": str(path.resolve()),
        "containerPath": f"/{path.relative_to(machine.root)}",
        "options": options,
    }
