"""Laying out simulated machines: roots, configuration files, CDI specs."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hami_dra.native import lib
from hami_dra.sim import (
    MODELS,
    ConfigError,
    Machine,
    MachineError,
    SimulatedDriver,
    create_machine,
    read_config,
    simulated_gpus,
    write_cdi_spec,
)
from tests.native.sim.client import run, running

GIB = 2**30


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB))


def test_usage_tells_who_uses_what(machine: Machine) -> None:
    with running(machine, "start(1)\ncall('cuMemAlloc', GIB)") as process:
        idle, busy = machine.usage()
    assert (idle.uuid, idle.memory, idle.used, idle.processes) == (machine.gpus[0].uuid, 16 * GIB, 0, [])
    assert (busy.used, [(user.pid, user.memory, user.contexts) for user in busy.processes]) == (
        GIB,
        [(process.pid, GIB, 1)],
    )


def test_a_machine_is_not_laid_out_over_another(machine: Machine) -> None:
    with pytest.raises(MachineError, match=r"there is a machine in .* already"):
        create_machine(machine.root, simulated_gpus(1))
    assert len(machine.usage()) == 2


def test_a_machine_may_have_many_gpus(tmp_path: Path) -> None:
    machine = create_machine(tmp_path, simulated_gpus(300, model=MODELS["Tesla T4"]))
    assert run(machine, "start(299)\ncall('cuMemAlloc', 15 * GIB)\nshow(free())") == GIB
    assert len(machine.usage()) == 300


def test_another_driver(tmp_path: Path) -> None:
    driver = SimulatedDriver(version="550.54.15", cuda_version="12.4")
    machine = create_machine(tmp_path, simulated_gpus(1), driver)
    assert (machine.library_dir / "libcuda.so.550.54.15").is_file()
    assert run(machine, "show([call('cuDriverGetVersion'), error_of('cuInit', 0)])") == [12040, "CUDA_SUCCESS"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"uuid": "GPU-1234"}, "uuid must be GPU- and a UUID"),
        ({"memory_bytes": GIB + 1}, "memory must be bytes, a multiple of 1 MiB up to 1 TiB"),
        ({"memory_bytes": 2**50}, "memory must be"),
        ({"model": replace(MODELS["Tesla T4"], name="a,b")}, "there is no key b"),
        ({"model": replace(MODELS["Tesla T4"], brand="Acme")}, "brand must be a brand that NVML knows"),
    ],
)
def test_a_gpu_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    gpu = replace(simulated_gpus(1)[0], **change)  # type: ignore[arg-type]
    with pytest.raises(MachineError, match=reason):
        create_machine(tmp_path, [gpu])


def test_two_gpus_of_one_uuid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="two GPUs have the same UUID"):
        create_machine(tmp_path, simulated_gpus(1) * 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", "x", "--speed", "9"],
        ["create", "x", "--cuda"],
        ["create", "x", "--slice-us", "99"],
        ["show"],
        ["watch", "x"],
        ["watch", "x", "0"],
    ],
)
def test_hami_sim_refuses_what_it_does_not_know(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run([lib("sim/hami-sim"), *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("hami-sim: ")
    assert list(tmp_path.iterdir()) == []


def test_hami_sim_says_that_what_it_prints_is_lost(machine: Machine) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([lib("sim/hami-sim"), "show", machine.state], stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"hami-sim: standard output: No space left on device\n")


CONFIG = """
driver = "570.124.06"
cuda = "12.8"
context_memory = "300Mi"
context_ms = 60

[[gpu]]
model = "NVIDIA L4"
count = 2
memory = "16Gi"

[[gpu]]
"""


def test_a_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(CONFIG)
    config = read_config(path)
    assert [(gpu.model.name, gpu.memory_bytes // GIB) for gpu in config.gpus] == [
        ("NVIDIA L4", 16),
        ("NVIDIA L4", 16),
        ("NVIDIA A100-SXM4-40GB", 40),
    ]
    assert len({gpu.uuid for gpu in config.gpus}) == 3
    assert config.driver == SimulatedDriver("570.124.06", "12.8", 300 * 2**20, 60)
    assert create_machine(tmp_path / "root", config.gpus, config.driver).usage()[0].memory == 16 * GIB


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing required field `gpu`"),
        ("[[gpu]]\nmodel = 'NVIDIA X9'", "there is no model 'NVIDIA X9'; there are: Tesla T4"),
        ("[[gpu]]\nmemory = '16GB'", "'16GB' is not a number of bytes"),
        ("[[gpu]]\nmemroy = '16Gi'", "unknown field `memroy`"),
        ("[[gpu]]\ncount = 'two'", "Expected `int`"),
        ("[[gpu", "lab.toml"),
    ],
)
def test_a_wrong_configuration_file(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        read_config(path)


def test_the_cdi_spec_mounts_what_is_there(machine: Machine, tmp_path: Path) -> None:
    spec = json.loads(write_cdi_spec(machine, tmp_path / "cdi").read_text())
    assert spec["kind"] == "nvidia.com/gpu"
    assert [device["name"] for device in spec["devices"]] == [gpu.uuid for gpu in machine.gpus]
    nodes = [device["containerEdits"]["deviceNodes"][0]["path"] for device in spec["devices"]]
    assert nodes == ["/dev/nvidia0", "/dev/nvidia1"]
    mounts = {mount["containerPath"]: mount for mount in spec["containerEdits"]["mounts"]}
    libraries = f"/{machine.library_dir.relative_to(machine.root)}"
    assert mounts.keys() == {
        *(f"{libraries}/{name}" for name in ("libcuda.so", "libcuda.so.1", "libcuda.so.580.65.06")),
        *(f"{libraries}/{name}" for name in ("libnvidia-ml.so.1", "libnvidia-ml.so.580.65.06")),
        "/usr/bin/nvidia-smi",
        "/run/nvidia-persistenced/socket",
    }
    assert all(Path(mount["hostPath"]).is_file() for mount in mounts.values())
    writable = [path for path, mount in mounts.items() if "ro" not in mount["options"]]
    assert writable == ["/run/nvidia-persistenced/socket"]


@pytest.mark.skipif(shutil.which("nvidia-ctk") is None, reason="NVIDIA's container toolkit is not installed")
def test_nvidia_ctk_finds_the_same(machine: Machine, tmp_path: Path) -> None:
    ours = json.loads(write_cdi_spec(machine, tmp_path / "cdi").read_text())
    if not (machine.root / "dev/nvidia0").is_char_device():
        pytest.skip("nvidia-ctk takes no files for devices, and device nodes cannot be made here")
    command = ["nvidia-ctk", "--quiet", "cdi", "generate", "--format", "json", "--mode", "nvml"]
    roots: list[str | Path] = ["--driver-root", machine.root, "--dev-root", machine.root]
    options = ["--device-name-strategy", "uuid", "--no-all-device", "--nvidia-cdi-hook-path", "/x/nvidia-cdi-hook"]
    done = subprocess.run([*command, *roots, *options], capture_output=True, check=True)
    theirs = json.loads(done.stdout)
    assert _names(theirs) == _names(ours)
    links = {f"/{path.relative_to(machine.root)}" for path in machine.library_dir.iterdir() if path.is_symlink()}
    assert _mounts(theirs) == {path: mount for path, mount in _mounts(ours).items() if path not in links}


def _names(spec: dict[str, list[dict[str, str]]]) -> list[str]:
    return [device["name"] for device in spec["devices"]]


def _mounts(spec: dict[str, dict[str, list[dict[str, list[str]]]]]) -> dict[str, tuple[object, set[str]]]:
    mounts = spec["containerEdits"]["mounts"]
    return {str(mount["containerPath"]): (mount["hostPath"], set(mount["options"])) for mount in mounts}
