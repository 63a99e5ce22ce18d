import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from hami_dra.gpu import BaseEditsError, Gpu, NvidiaCtk, find_base_edits
from hami_dra.nvml.gpu import MigPart

GPUS = [Gpu(uuid=f"GPU-{letter}", minor=minor, memory_bytes=2**34) for minor, letter in enumerate("ab")]
HOOK = {
    "hookName": "createContainer",
    "path": "/usr/bin/nvidia-cdi-hook",
    "args": ["nvidia-cdi-hook", "update-ldcache"],
}
LIMITS_HOOK = HOOK | {"hookName": "createRuntime", "args": ["nvidia-cdi-hook", "apply-cuda-memory-limits"]}


def nodes(*paths: str) -> dict[str, Any]:
    return {"deviceNodes": [{"path": path} for path in paths]}


def spec(*devices: dict[str, Any], kind: str = "nvidia.com/gpu") -> dict[str, Any]:
    return {
        "cdiVersion": "0.5.0",
        "kind": kind,
        "devices": list(devices),
        "containerEdits": {"hooks": [HOOK, LIMITS_HOOK], "intelRdt": {"closID": "passes through"}},
    }


def device(name: str, *paths: str) -> dict[str, Any]:
    return {"name": name, "containerEdits": nodes(*paths)}


def find(cdi_dir: Path, nvidia_ctk: NvidiaCtk | None = None) -> Any:
    root = Path("/driver-root")
    found = find_base_edits(GPUS, nvidia_ctk, driver_root=root, host_driver_root=root, cdi_dirs=[cdi_dir])
    return asyncio.run(found)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_nodes_own_spec_is_found_by_device_node_whatever_its_devices_are_called(tmp_path: Path, suffix: str) -> None:
    own = spec(
        device("all", "/dev/nvidia0", "/dev/nvidia1"),
        device("0:0", "/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap3"),
        device("1", "/dev/nvidia0"),
        device("0", "/dev/nvidia1", "/dev/nvidia-uvm"),
    )
    (tmp_path / f"nvidia{suffix}").write_text(json.dumps(own) if suffix == ".json" else yaml.safe_dump(own))
    (tmp_path / "a-vendor.json").write_bytes(msgspec.json.encode(spec(kind="vendor.com/net")))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.yaml").write_text("kind: [")
    found = find(tmp_path)
    assert found.version == "0.5.0"
    assert found.by_gpu == {"GPU-a": nodes("/dev/nvidia0"), "GPU-b": nodes("/dev/nvidia1", "/dev/nvidia-uvm")}


def test_nvidias_own_limits_hook_is_left_out_and_all_else_passes_through(tmp_path: Path) -> None:
    limited = device("GPU-a", "/dev/nvidia0")
    limited["containerEdits"]["hooks"] = [LIMITS_HOOK]
    (tmp_path / "nvidia.json").write_bytes(msgspec.json.encode(spec(limited)))
    found = find(tmp_path)
    assert found.common == {"hooks": [HOOK], "intelRdt": {"closID": "passes through"}}
    assert found.by_gpu["GPU-a"] == nodes("/dev/nvidia0")


def test_hook_without_arguments_passes_through(tmp_path: Path) -> None:
    hooks = {"hooks": [{"hookName": "createContainer", "path": "/usr/bin/true", "args": None}]}
    own = device("GPU-a", "/dev/nvidia0")
    own["containerEdits"] |= hooks
    (tmp_path / "nvidia.json").write_bytes(msgspec.json.encode(spec(own)))
    assert find(tmp_path).by_gpu["GPU-a"] == nodes("/dev/nvidia0") | hooks


def test_gpu_without_a_device_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "nvidia.json").write_bytes(msgspec.json.encode(spec(device("GPU-b", "/dev/nvidia1"))))
    assert list(find(tmp_path).by_gpu) == ["GPU-b"]


def test_mig_device_is_found_by_its_uuid_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    named = device("MIG-a", "/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap12", "/dev/nvidia-caps/nvidia-cap13")
    own = spec(device("0:0", "/dev/nvidia0", "/dev/nvidia-caps/nvidia-cap30"), named, device("1", "/dev/nvidia0"))
    (tmp_path / "nvidia.json").write_bytes(msgspec.json.encode(own))
    parts = [Gpu(f"MIG-{x}", 0, 2**30, MigPart("GPU-a", n, 0)) for n, x in enumerate("ab")]
    root = Path("/driver-root")
    found = asyncio.run(find_base_edits(parts, None, driver_root=root, host_driver_root=root, cdi_dirs=[tmp_path]))
    assert found.by_gpu == {"MIG-a": named["containerEdits"]}
    assert "MIG device MIG-b (/dev/nvidia0) has no CDI device and is left out" in caplog.text


def test_nothing_to_go_by_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BaseEditsError, match=r"nvidia-ctk .* not in PATH.*install the NVIDIA Container Toolkit"):
        find(tmp_path / "missing")


def test_failing_tool_falls_back_to_the_nodes_spec_and_is_named_where_there_is_none(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-ctk"
    tool.write_text("#!/bin/sh\necho 'no NVML here' >&2\nexit 3\n")
    tool.chmod(0o755)
    failing = NvidiaCtk(tool, Path("/hook"))
    with pytest.raises(BaseEditsError, match="failed: no NVML here"):
        find(tmp_path, failing)
    (tmp_path / "nvidia.json").write_bytes(msgspec.json.encode(spec(device("GPU-b", "/dev/nvidia1"))))
    assert list(find(tmp_path, failing).by_gpu) == ["GPU-b"]
    missing = NvidiaCtk(tmp_path / "nowhere", Path("/hook"))
    assert list(find(tmp_path, missing).by_gpu) == ["GPU-b"]
