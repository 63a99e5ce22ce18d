"""Parts of libvgpu.so without the rest: parsers, the table of allocations, the ledger, the layout of a region."""

import json
import subprocess
from pathlib import Path

import pytest

from hami_dra.shares import Limits, LimitsError, region
from tests.native.sanitizers import ROOT

LIMITS_CORPUS = sorted((ROOT / "tests/native/fuzz/corpus/limits").iterdir())
GPU = "GPU-12345678-9abc-def0-1234-56789abcdef0"


def _run(program: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("1k", 2**10),
        ("3m", 3 * 2**20),
        ("4g", 4 * 2**30),
        ("4G", 4 * 2**30),
        ("4gb", 4 * 2**30),
        ("4Gi", 4 * 2**30),
        ("4GiB", 4 * 2**30),
        ("512Mi", 512 * 2**20),
        ("7KB", 7 * 2**10),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_a_number_of_bytes_is_understood(programs: Path, text: str, size: int) -> None:
    assert _run(programs / "parse", "bytes", text).stdout == f"{size}\n"


TOO_LARGE = ["9223372036854775808", "8589934592g", "99999999999999999999"]


@pytest.mark.parametrize(
    "text", ["", "g", "1.5g", "-1", "+1", "1 g", "1g ", "1bg", "1b", "1gg", "1gib1", "1t", "0x1", "1e3", *TOO_LARGE]
)
def test_what_is_not_a_number_of_bytes_is_refused(programs: Path, text: str) -> None:
    done = _run(programs / "parse", "bytes", text)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    "text",
    [
        f"version 1\ngpu {GPU}\nmemory 7\ncores 30\npolicy hard\n",
        f"memory 7\ngpu {GPU}\nversion 1\n",
        f"version 1\ngpu {GPU}\nmemory 7\ncolour dark green\n",
    ],
)
def test_limits_are_understood(programs: Path, text: str) -> None:
    assert _run(programs / "parse", "limits", text).stdout == f"{GPU} 7\n"


def test_limits_of_a_mig_device_are_understood(programs: Path) -> None:
    text = f"version 1\ngpu {GPU.replace('GPU', 'MIG')}\nmemory 7\n"
    assert _run(programs / "parse", "limits", text).stdout == f"{GPU} 7\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no version"),
        ("version 1\n", "has no gpu"),
        (f"version 1\ngpu {GPU}\n", "has no memory"),
        (f"version 2\ngpu {GPU}\nmemory 7\n", "is of a version that is not known here"),
        (f"version one\ngpu {GPU}\nmemory 7\n", "has a version that is not a number"),
        (f"version 1\ngpu {GPU}0\nmemory 7\n", "has a gpu that is not a UUID"),
        (f"version 1\ngpu {GPU[:-1]}\nmemory 7\n", "has a gpu that is not a UUID"),
        ("version 1\ngpu 0\nmemory 7\n", "has a gpu that is not a UUID"),
        (f"version 1\ngpu {GPU}\nmemory 7k\n", "has a memory that is not a number of bytes"),
        (f"version 1\ngpu {GPU}\nmemory  7\n", "has a memory that is not a number of bytes"),
        (f"version 1\ngpu {GPU}\nmemory 7\nmemory 7\n", "has a key twice"),
        (f"version 1\ngpu {GPU}\nmemory 7", "does not end with a newline"),
        (f"version 1\n\ngpu {GPU}\nmemory 7\n", "has a line that is not a key and a value"),
        (f"version 1\nnote {'x' * 300}\n", "has a line that is too long"),
    ],
)
def test_limits_are_refused_with_the_reason(programs: Path, text: str, problem: str) -> None:
    assert _run(programs / "parse", "limits", text).stdout == f"{problem}\n"


def _understood(content: bytes) -> str | None:
    """What the Python reader makes of a `limits` file, as the C one's test program prints it; None: refused."""
    try:
        limits = Limits.parse(content)
    except LimitsError:
        return None
    return f"{limits.gpu_uuid} {limits.memory}\n"


@pytest.mark.parametrize("path", LIMITS_CORPUS, ids=lambda path: path.name)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\x0b\n", b"\xc2\x85\n", b"\n\n", b"\r"])
def test_the_python_reader_understands_limits_as_the_c_one_does(
    programs: Path, tmp_path: Path, path: Path, newline: bytes
) -> None:
    whole = b"cores 30\npolicy hard\n"  # which do not concern memory: the C one does without
    content = path.read_bytes()
    content = (content if whole[:6] in content else whole + content).replace(b"\n", newline)
    (tmp_path / "limits").write_bytes(content)
    by_c = _run(programs / "parse", "limits-file", str(tmp_path / "limits"))
    assert _understood(content) == (by_c.stdout if by_c.returncode == 0 else None)


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_table_of_allocations_is_as_good_as_an_array(programs: Path, seed: str) -> None:
    done = _run(programs / "allocations_model", seed, "300000")
    assert done.returncode == 0, done.stderr


def test_defect_7_an_allocation_is_found_in_a_few_reads_however_many_live(programs: Path) -> None:
    """HAMi-core walks the list of all of them; here 100,000 live."""
    done = _run(programs / "allocations_model", "full")
    assert 0 < int(done.stdout) < 100, done.stderr


@pytest.mark.not_sanitized(reason="each instruction is stepped, the sanitizer's would be too")
def test_the_ledger_is_exact_whichever_instruction_a_process_is_killed_at(programs: Path) -> None:
    done = _run(programs / "ledger_kills")
    assert done.returncode == 0, done.stderr
    points, runs = (int(word) for word in done.stdout.split())
    assert points > runs > 100


def test_the_python_reader_has_the_layout_of_the_c_one(programs: Path) -> None:
    layout = json.loads(_run(programs / "layout").stdout)
    assert (layout["magic"], layout["abi"], layout["slots"]) == (region.MAGIC, region.ABI, region.SLOTS)
    assert layout["hami_region"] == region.SIZE
    assert layout["hami_region.limits_generation"] == region.GENERATION_OFFSET
    assert layout["hami_region.compute"] == region.COMPUTE_OFFSET
    assert [layout[f"hami_compute.{field}"] for field in ("paid_until", "used")] == [0, 8]
    assert layout["hami_region.slots"] == region.SLOTS_OFFSET
    assert layout["hami_slot"] == region.SLOT.size
    fields = ("seq", "done", "landed", "delta", "used", "reserved", "pid")
    assert [layout[f"hami_slot.{field}"] for field in fields] == [0, 8, 16, 24, 32, 48, 56]
