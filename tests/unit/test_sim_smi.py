"""The stand-in for nvidia-smi."""

import subprocess
import sysconfig
from pathlib import Path

import pytest

from hami_dra.sim import Machine, create_machine, simulated_gpus
from tests.native.sim.client import running

GIB = 2**30


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return create_machine(tmp_path / "root", simulated_gpus(2, memory_bytes=16 * GIB))


def smi(machine: Machine, *arguments: str, status: int = 0) -> list[str]:
    """The lines that nvidia-smi prints. It finds its library by its own place, without LD_LIBRARY_PATH."""
    done = subprocess.run([machine.smi, *arguments], capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout.splitlines()


def test_the_table_shows_gpus_and_processes(machine: Machine) -> None:
    with running(machine, "start(1)\ncall('cuMemAlloc', 3 * GIB)") as process:
        lines = smi(machine)
    table = [line for line in lines[1:] if line]
    assert {len(line) for line in table} == {91}
    assert "Driver Version: 580.65.06" in table[1]
    assert "CUDA Version: 13.0" in table[1]
    rows = [line.strip("| ").split() for line in table]
    assert ["0MiB", "/", "16384MiB", "|", "0%"] in [row[-5:] for row in rows]
    assert ["3072MiB", "/", "16384MiB", "|", "0%"] in [row[-5:] for row in rows]
    assert rows[-2][:3] == ["1", str(process.pid), "C"]
    assert rows[-2][-1] == "3072MiB"


@pytest.mark.not_sanitized(reason="ThreadSanitizer's programs cannot be started by another name")
def test_a_row_is_as_long_as_others_whatever_script_a_process_is_named_in(machine: Machine) -> None:
    name = "ö" * 43 + "éé"  # which would be cut within a character where bytes are counted
    packages = (
        f"PYTHONPATH={sysconfig.get_path('purelib')}"  # which Python else finds beside the name it was started by
    )
    with running(machine, "start()", "env", packages, "bash", "-c", f'exec -a {name} "$@"', "_"):
        lines = smi(machine)
    assert {len(line) for line in lines[1:] if line} == {91}
    assert name[:-1] in lines[-2]


def test_the_list(machine: Machine) -> None:
    assert smi(machine, "-L") == [
        f"GPU {index}: NVIDIA A100-SXM4-40GB (UUID: {gpu.uuid})" for index, gpu in enumerate(machine.gpus)
    ]


def test_a_query_as_csv(machine: Machine) -> None:
    fields = "--query-gpu=index,uuid,name,memory.total,memory.used,memory.free"
    with running(machine, "start()\ncall('cuMemAlloc', 3 * GIB)"):
        assert smi(machine, fields, "--format=csv") == [
            "index, uuid, name, memory.total [MiB], memory.used [MiB], memory.free [MiB]",
            f"0, {machine.gpus[0].uuid}, NVIDIA A100-SXM4-40GB, 16384 MiB, 3072 MiB, 13312 MiB",
            f"1, {machine.gpus[1].uuid}, NVIDIA A100-SXM4-40GB, 16384 MiB, 0 MiB, 16384 MiB",
        ]
        assert smi(machine, "--query-gpu=memory.used", "--format=csv,noheader,nounits") == ["3072", "0"]


def test_what_it_cannot_do_it_refuses(machine: Machine) -> None:
    unknown = smi(machine, "--query-gpu=index,vbios", "--format=csv", status=2)
    assert unknown == [
        'Field "vbios" is not a valid field to query.',
        "The simulator has: index, uuid, name, memory.total, memory.used, memory.free, utilization.gpu",
    ]
    assert "cannot do --help." in smi(machine, "--help", status=2)[0]
    assert "cannot do -i 0 -L." in smi(machine, "-i", "0", "-L", status=2)[0]
    assert "cannot do --query-gpu=index --format=xml." in smi(machine, "--query-gpu=index", "--format=xml", status=2)[0]


def test_without_a_driver_it_says_so(machine: Machine) -> None:
    machine.state.unlink()
    assert smi(machine, status=9) == ["Unable to initialize NVML: Driver Not Loaded"]
