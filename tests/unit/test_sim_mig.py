"""GPUs in MIG mode on simulated machines: how they are divided, and what CUDA and NVML then show."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hami_dra.sim import (
    MODELS,
    ConfigError,
    Machine,
    MachineError,
    create_machine,
    read_config,
    simulated_gpus,
    write_cdi_spec,
)
from tests.native.sim.client import environment, run, run_nvml, running

GIB = 2**30
LAYOUT = ("3g.8gb", "2g.4gb", "1g.2gb")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A GPU divided in three, one in MIG mode without devices, and a whole one."""
    divided = simulated_gpus(1, memory_bytes=16 * GIB, seed="divided", mig=LAYOUT)
    empty = simulated_gpus(1, memory_bytes=16 * GIB, seed="empty", mig=())
    return create_machine(tmp_path / "root", divided + empty + simulated_gpus(1, memory_bytes=16 * GIB, seed="whole"))


def uuids(machine: Machine) -> list[str]:
    """The MIG devices of the first GPU, by instance."""
    return [device.uuid for device in machine.usage()[0].mig or ()]


SEEN = """
call('cuInit', 0)
count = call('cuDeviceGetCount')
names = [call('cuDeviceGetName', 96, each).split(b'\\0')[0].decode() for each in range(count)]
show([[name, call('cuDeviceTotalMem', each) // GIB] for each, name in enumerate(names)])
"""
A100 = "NVIDIA A100-SXM4-40GB"


def test_a_gpu_is_divided_as_its_layout_says(machine: Machine) -> None:
    divided, empty, whole = machine.usage()
    assert [(each.profile, each.instance, each.memory) for each in divided.mig or ()] == [
        ("3g.8gb", 1, 8 * GIB),
        ("2g.4gb", 3, 4 * GIB),
        ("1g.2gb", 7, 2 * GIB),
    ]
    assert (empty.mig, whole.mig) == ([], None)
    assert all(uuid.startswith("MIG-") for uuid in uuids(machine))


def test_nodes_and_proc_are_those_of_a_real_driver(machine: Machine) -> None:
    nodes = {path.name for path in (machine.root / "dev/nvidia-caps").iterdir()}
    assert nodes == {f"nvidia-cap{minor}" for minor in (1, 2, 12, 13, 30, 31, 66, 67)}
    minors = (machine.root / "proc/driver/nvidia-caps/mig-minors").read_text().splitlines()
    assert {"monitor 2", "gpu0/gi1/access 12", "gpu0/gi7/ci0/access 67", "gpu1/gi0/access 138"} <= set(minors)
    access = machine.root / "proc/driver/nvidia/capabilities/gpu0/mig/gi7/ci0/access"
    assert access.read_text().startswith("DeviceFileMinor: 67\n")


def test_cuda_enumerates_one_mig_device_and_no_gpu_beside_it(machine: Machine) -> None:
    assert run(machine, SEEN) == [[f"{A100} MIG 3g.8gb", 8]]


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        ("{0}", "3g.8gb"),
        ("{2}", "1g.2gb"),
        ("{1},{2}", "2g.4gb"),
        ("{gpu}", "3g.8gb"),
        ("0,2", "3g.8gb"),
        ("2,{2}", "1g.2gb"),
        ("{whole}", None),
        ("2", None),
    ],
)
def test_visible_devices(machine: Machine, named: str, seen: str | None) -> None:
    names = {"gpu": machine.gpus[0].uuid, "whole": machine.gpus[2].uuid}
    visible = named.format(*uuids(machine), **names)
    name, memory = (f"{A100} MIG {seen}", None) if seen else (A100, 16)
    ((shown, size),) = run(machine, SEEN, CUDA_VISIBLE_DEVICES=visible)
    assert (shown, memory or size) == (name, size)


@pytest.mark.parametrize("named", ["1", "MIG-", "MIG-00000000-0000-0000-0000-000000000000", ""])
def test_nothing_is_visible(machine: Machine, named: str) -> None:
    assert run(machine, "show(error_of('cuInit', 0))", CUDA_VISIBLE_DEVICES=named) == "CUDA_ERROR_NO_DEVICE"


def test_the_uuid_of_a_mig_device_and_of_its_gpu(machine: Machine) -> None:
    program = """
import ctypes
call('cuInit', 0)
library = ctypes.CDLL('libcuda.so.1')
def uuid(function):
    answer = (ctypes.c_ubyte * 16)()
    assert function(answer, 0) == 0
    return bytes(answer).hex()
show([uuid(library.cuDeviceGetUuid), uuid(library.cuDeviceGetUuid_v2)])
"""
    device = uuids(machine)[0]
    of_gpu, of_device = run(machine, program)
    assert of_gpu == machine.gpus[0].uuid.removeprefix("GPU-").replace("-", "")
    assert of_device == device.removeprefix("MIG-").replace("-", "")


def test_a_mig_device_has_the_memory_of_its_instance(machine: Machine) -> None:
    second = uuids(machine)[1]
    with running(machine, "start()\ncall('cuMemAlloc', 3 * GIB)") as process:
        program = "start()\nshow([free(), error_of('cuMemAlloc', 4 * GIB + 1), error_of('cuMemAlloc', 4 * GIB)])"
        assert run(machine, program, CUDA_VISIBLE_DEVICES=second) == [
            4 * GIB,
            "CUDA_ERROR_OUT_OF_MEMORY",
            "CUDA_SUCCESS",
        ]
        seen = run_nvml(
            machine,
            """
nvmlInit()
def look(device):
    memory = nvmlDeviceGetMemoryInfo(device)
    listed = [[each.pid, each.usedGpuMemory, each.gpuInstanceId, each.computeInstanceId]
              for each in nvmlDeviceGetComputeRunningProcesses(device)]
    return [memory.total, memory.used, listed]
gpu = nvmlDeviceGetHandleByIndex(0)
show([look(gpu), look(nvmlDeviceGetMigDeviceHandleByIndex(gpu, 0)), look(nvmlDeviceGetMigDeviceHandleByIndex(gpu, 1))])
""",
        )
        listed = [[process.pid, 3 * GIB, 1, 0]]
        assert seen == [[16 * GIB, 3 * GIB, listed], [8 * GIB, 3 * GIB, listed], [4 * GIB, 0, []]]
        assert machine.usage()[0].used == 3 * GIB


def test_nvml_tells_what_mig_devices_are(machine: Machine) -> None:
    seen = run_nvml(
        machine,
        """
nvmlInit()
gpu = nvmlDeviceGetHandleByIndex(0)
found = []
for index in range(nvmlDeviceGetMaxMigDeviceCount(gpu)):
    try:
        device = nvmlDeviceGetMigDeviceHandleByIndex(gpu, index)
    except NVMLError_NotFound:
        continue
    uuid = nvmlDeviceGetUUID(device)
    parent = nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device)
    attributes = nvmlDeviceGetAttributes_v2(device)
    found.append([
        uuid, nvmlDeviceGetName(device), nvmlDeviceGetUUID(parent), nvmlDeviceGetMinorNumber(parent),
        nvmlDeviceGetGpuInstanceId(device), nvmlDeviceGetComputeInstanceId(device),
        attributes.gpuInstanceSliceCount, attributes.memorySizeMB,
        nvmlDeviceGetIndex(nvmlDeviceGetHandleByUUID(uuid)), nvmlDeviceIsMigDeviceHandle(device).value,
    ])
show([nvmlDeviceGetMigMode(gpu), nvmlDeviceIsMigDeviceHandle(gpu).value, found])
""",
    )
    mode, is_mig, found = seen
    assert (mode, is_mig) == ([1, 1], 0)
    gpu = machine.gpus[0].uuid
    first, second, third = uuids(machine)
    assert found == [
        [first, f"{A100} MIG 3g.8gb", gpu, 0, 1, 0, 3, 8192, 0, 1],
        [second, f"{A100} MIG 2g.4gb", gpu, 0, 3, 0, 2, 4096, 1, 1],
        [third, f"{A100} MIG 1g.2gb", gpu, 0, 7, 0, 1, 2048, 2, 1],
    ]


def test_what_a_mig_device_does_not_have(machine: Machine) -> None:
    seen = run_nvml(
        machine,
        """
nvmlInit()
device = nvmlDeviceGetMigDeviceHandleByIndex(nvmlDeviceGetHandleByIndex(0), 0)
def error(function, *arguments):
    try:
        function(*arguments)
    except NVMLError as error:
        return error.value
show([
    error(nvmlDeviceGetMinorNumber, device), error(nvmlDeviceGetUtilizationRates, device),
    error(nvmlDeviceGetMigDeviceHandleByIndex, device, 0),
    error(nvmlDeviceGetMigDeviceHandleByIndex, nvmlDeviceGetHandleByIndex(0), 7),
    error(nvmlDeviceGetMigDeviceHandleByIndex, nvmlDeviceGetHandleByIndex(2), 0),
    error(nvmlDeviceGetGpuInstanceId, nvmlDeviceGetHandleByIndex(0)),
])
""",
    )
    not_supported, invalid = 3, 2
    assert seen == [not_supported, not_supported, not_supported, invalid, invalid, not_supported]


def test_only_those_are_there_whose_capabilities_can_be_opened(machine: Machine) -> None:
    (machine.root / "dev/nvidia-caps/nvidia-cap13").unlink()  # the compute instance of the first
    (machine.root / "dev/nvidia-caps/nvidia-cap30").unlink()  # the GPU instance of the second
    assert run(machine, SEEN) == [[f"{A100} MIG 1g.2gb", 2]]
    listed = subprocess.run([machine.smi, "-L"], capture_output=True, text=True, check=True).stdout
    assert [line for line in listed.splitlines() if "MIG" in line] == [
        f"  MIG 1g.2gb      Device  0: (UUID: {uuids(machine)[2]})"
    ]


def test_all_of_a_divided_gpu_is_only_for_who_may_monitor(machine: Machine) -> None:
    (machine.root / "dev/nvidia-caps/nvidia-cap2").unlink()
    query: list[str | Path] = [machine.smi, "--query-gpu=memory.total", "--format=csv,noheader"]
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines() == [
        "[Insufficient Permissions]",
        "[Insufficient Permissions]",
        "16384 MiB",
    ]
    table = subprocess.run([machine.smi], env=environment(machine), capture_output=True, text=True, check=True).stdout
    assert "0MiB / 8192MiB" in table


def test_a_gpu_is_divided_anew_while_it_is_used(machine: Machine) -> None:
    gpu = machine.gpus[0].uuid
    before = uuids(machine)
    with running(machine, "start()\ncall('cuMemAlloc', GIB)"):  # on the 3g.8gb
        with pytest.raises(MachineError, match=rf"MIG device {before[0]} is in use"):
            machine.divide(gpu, "7g.16gb")
        with pytest.raises(MachineError, match="is in use"):
            machine.unite(gpu)
        assert uuids(machine) == before
        devices = machine.divide(gpu, "3g.8gb", "1g.2gb", "1g.2gb")
        assert [(each.profile, each.instance, each.used) for each in devices] == [
            ("3g.8gb", 1, GIB),
            ("1g.2gb", 7, 0),
            ("1g.2gb", 8, 0),
        ]
        assert [each.uuid for each in devices[:2]] == [before[0], before[2]]
    machine.unite(gpu)
    assert machine.usage()[0].mig is None
    assert {path.name for path in (machine.root / "dev/nvidia-caps").iterdir()} == {"nvidia-cap1", "nvidia-cap2"}
    assert machine.divide(gpu, *LAYOUT)[0].uuid == before[0]


def test_mig_mode_waits_for_an_idle_gpu(machine: Machine) -> None:
    whole = machine.gpus[2].uuid
    with (
        running(machine, f"os.environ['CUDA_VISIBLE_DEVICES'] = '{whole}'\nstart()"),
        pytest.raises(MachineError, match="MIG mode can only be changed while it is idle"),
    ):
        machine.divide(whole, "7g.16gb")
    assert len(machine.divide(whole, "7g.16gb")) == 1


@pytest.mark.parametrize(
    ("profiles", "reason"),
    [
        (["1g.5gb"], "1g.5gb: GPU .* has no such MIG profile"),
        (["4g.8gb", "4g.8gb"], "8 and 8 are too many"),
        (["3g.8gb", "3g.8gb", "1g.2gb"], "7 and 9 are too many"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(machine: Machine, profiles: list[str], reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        machine.divide(machine.gpus[0].uuid, *profiles)
    assert len(uuids(machine)) == 3


def test_not_every_model_can_be_divided(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"\(Tesla T4\) cannot be divided by MIG"):
        create_machine(tmp_path, simulated_gpus(1, model=MODELS["Tesla T4"], mig=()))


def test_a_layout_in_the_configuration_file(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text('[[gpu]]\nmig = ["1g.5gb", "2g.10gb"]\n[[gpu]]\nmodel = "NVIDIA L4"\n')
    config = read_config(path)
    assert [gpu.mig for gpu in config.gpus] == [("1g.5gb", "2g.10gb"), None]
    devices = create_machine(tmp_path / "root", config.gpus).usage()[0].mig
    assert [device.profile for device in devices or ()] == ["2g.10gb", "1g.5gb"]
    path.write_text("[[gpu]]\nmig = 3\n")
    with pytest.raises(ConfigError, match="Expected `array"):
        read_config(path)


def device_nodes(spec: str | bytes) -> dict[str, list[str]]:
    """The device nodes of each device of a CDI spec, by its name."""
    return {
        device["name"]: sorted(node["path"] for node in device["containerEdits"]["deviceNodes"])
        for device in json.loads(spec)["devices"]
    }


def test_the_cdi_spec_has_mig_devices_with_their_capabilities(machine: Machine, tmp_path: Path) -> None:
    assert device_nodes(write_cdi_spec(machine, tmp_path / "cdi").read_text()) == {
        uuids(machine)[0]: ["/dev/nvidia-caps/nvidia-cap12", "/dev/nvidia-caps/nvidia-cap13", "/dev/nvidia0"],
        uuids(machine)[1]: ["/dev/nvidia-caps/nvidia-cap30", "/dev/nvidia-caps/nvidia-cap31", "/dev/nvidia0"],
        uuids(machine)[2]: ["/dev/nvidia-caps/nvidia-cap66", "/dev/nvidia-caps/nvidia-cap67", "/dev/nvidia0"],
        machine.gpus[2].uuid: ["/dev/nvidia2"],
    }


@pytest.mark.skipif(shutil.which("nvidia-ctk") is None, reason="NVIDIA's container toolkit is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount what nvidia-ctk reads over /proc/driver")
def test_nvidia_ctk_finds_the_same(machine: Machine, tmp_path: Path) -> None:
    if not (machine.root / "dev/nvidia0").is_char_device():
        pytest.skip("nvidia-ctk takes no files for devices, and device nodes cannot be made here")
    generate = ["nvidia-ctk", "--quiet", "cdi", "generate", "--format", "json", "--mode", "nvml"]
    roots: list[str | Path] = ["--driver-root", machine.root, "--dev-root", machine.root]
    options = ["--device-name-strategy", "uuid", "--no-all-device", "--nvidia-cdi-hook-path", "/x/nvidia-cdi-hook"]
    mount = 'mount --bind "$0" /proc/driver && exec "$@"'
    in_own_mounts: list[str | Path] = ["unshare", "--mount", "sh", "-c", mount, machine.root / "proc/driver"]
    done = subprocess.run([*in_own_mounts, *generate, *roots, *options], capture_output=True, check=True)
    assert device_nodes(done.stdout) == device_nodes(write_cdi_spec(machine, tmp_path / "cdi").read_text())
