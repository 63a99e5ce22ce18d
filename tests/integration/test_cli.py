"""What people type, typed."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

SHARE_OF_EACH_GPU = """\
  0, Tesla T4, 4096 MiB, 0 MiB
  1, Tesla T4, 8192 MiB, 0 MiB
"""


PROGRAM = Path(sys.executable).with_name("hami-dra")


def hami_dra(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


def test_the_demo_tells_its_story() -> None:
    story = hami_dra("demo")
    assert (story.returncode, story.stderr) == (0, "")
    assert SHARE_OF_EACH_GPU in story.stdout
    for limit in (4096, 8192):
        assert f"takes {limit + 1} MiB: cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY" in story.stdout
        assert f"takes {limit} MiB: granted" in story.stdout
        row = f'request="{"small" if limit == 4096 else "large"}"'
        used = [line for line in story.stdout.splitlines() if "used_bytes" in line and row in line]
        assert [float(line.split()[-1]) for line in used] == [limit * 2**20]
    for part, had in zip((30, 60), re.findall(r"had the GPU for (\d+) % of it", story.stdout), strict=True):
        assert part / 3 < int(had) < part + 4
    assert story.stdout.endswith("share folders and CDI files left: none\n")


def test_the_demo_shows_its_gpus_whatever_the_shell_says_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    story = hami_dra("demo")
    assert (story.returncode, story.stderr, story.stdout.count(": granted")) == (0, "", 2)


@pytest.mark.parametrize("name", ["with space", "with:colon"])
def test_the_demo_has_no_share_whose_library_the_loader_cannot_find(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with TemporaryDirectory(suffix=name) as folder:  # in a short path, for the plugin's sockets
        monkeypatch.setenv("TMPDIR", folder)
        story = hami_dra("demo")
    assert (story.returncode, "granted" in story.stdout) == (1, False)
    assert story.stderr.endswith("no path with a space, colon or semicolon: set TMPDIR to another folder\n")
    assert story.stderr.count("\n") == 1


def demo_that_has(said: str) -> subprocess.Popen[str]:
    """The demo, in a process group of its own as a shell makes it, once it has said this."""
    demo = subprocess.Popen(
        [PROGRAM, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert demo.stdout
    for line in demo.stdout:
        if said in line:
            break
    return demo


@pytest.mark.parametrize("said", ["The plugin publishes them", "The scheduler's answer", "0, Tesla T4, 4096 MiB"])
def test_the_demo_ends_at_ctrl_c_without_a_word(said: str) -> None:
    demo = demo_that_has(said)
    os.killpg(demo.pid, signal.SIGINT)
    _, complaints = demo.communicate(timeout=60)
    assert (demo.returncode, complaints) == (130, "")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_nothing_is_left_of_the_demo_when_its_terminal_is_closed(number: signal.Signals) -> None:
    demo = demo_that_has("The scheduler's answer")
    begun = psutil.Process(demo.pid).children(recursive=True)
    (flag,) = (word for each in begun for word in each.cmdline() if word.startswith("--install-dir="))
    os.killpg(demo.pid, number)
    _, complaints = demo.communicate(timeout=60)
    folder = Path(flag.removeprefix("--install-dir=")).parent
    assert (complaints, [each for each in begun if each.is_running()], folder.exists()) == ("", [], False)


def test_a_claim_that_the_demos_plugin_refuses_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAMI_DRA_MEMORY_ENFORCEMENT", "driver")
    story = hami_dra("demo")
    assert story.returncode == 1
    assert story.stderr.startswith("hami-dra demo: request small: the driver cannot hold the memory limit on GPU-")
    assert story.stderr.count("\n") == 1


def test_the_end_of_its_plugin_is_the_demos_and_is_said() -> None:
    demo = demo_that_has("The scheduler's answer")
    for each in psutil.Process(demo.pid).children():
        each.kill()
    _, complaints = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert complaints.startswith("hami-dra")
    assert "Traceback" not in complaints


def test_ctrl_c_while_it_loads_ends_it_without_a_word(tmp_path: Path) -> None:
    interrupted = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "typer.py").write_text(interrupted)  # which is loaded in the place of that
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_sim_lays_out_a_machine_that_nvidia_smi_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "lab.toml"
    config.write_text('[[gpu]]\nmodel = "Tesla T4"\ncount = 2\n')
    done = hami_dra("sim", "root", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"CDI spec     {tmp_path}/root/etc/cdi/nvidia.json" in done.stdout.splitlines()
    (advice,) = [line for line in done.stdout.splitlines() if line.startswith("try it")]
    variable, _, smi = advice.removeprefix("try it").strip().partition(" ")
    shown = subprocess.run(["env", variable, smi, "-L"], capture_output=True, text=True, check=True).stdout
    assert [line.split(" (")[0] for line in shown.splitlines()] == ["GPU 0: Tesla T4", "GPU 1: Tesla T4"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b'[[gpu]]\nmodel = "Tesla T5"\n', "there is no model 'Tesla T5'; there are: Tesla T4"),
        (b"[[gpu]]\ncount = -1\n", "Expected `int` >= 0 - at `$.gpu[0].count`"),
        (b"[[gpu]]\ncount = 1_000_000_000\n", "Expected `int` <= 512 - at `$.gpu[0].count`"),
        ("[[gpu]]\nmemory = '\u0661\u0666Gi'\n".encode(), "'\u0661\u0666Gi' is not a number of bytes"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff"),
        (b"[[gpu", "Expected ']]' at the end of an array declaration"),
    ],
)
def test_sim_says_what_is_wrong(tmp_path: Path, text: bytes, complaint: str) -> None:
    config = tmp_path / "lab.toml"
    config.write_bytes(text)
    done = hami_dra("sim", tmp_path / "root", "--config", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"hami-dra sim: {config}: {complaint}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "root").exists()


def test_nothing_is_laid_out_of_a_machine_that_cannot_be(tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    config.write_text('driver = "1/../../../x"\n[[gpu]]\n')
    (tmp_path / "root/usr/lib/x86_64-linux-gnu/libcuda.so.1").mkdir(parents=True)
    done = hami_dra("sim", tmp_path / "root", "--config", config)
    assert (done.returncode, "not a version such as 580.65.06" in done.stderr) == (1, True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [config]


def test_a_machine_that_cannot_be_is_in_nobodys_way(tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    config.write_text('[[gpu]]\nmodel = "Tesla T4"\nmig = ["1g.5gb"]\n')
    done = hami_dra("sim", tmp_path / "root", "--config", config)
    assert (done.returncode, "(Tesla T4) cannot be divided by MIG" in done.stderr) == (1, True)
    config.write_text('[[gpu]]\nmodel = "Tesla T4"\n')
    done = hami_dra("sim", tmp_path / "root", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command", [["demo"], ["sim", "root", "--config", "lab.toml"], ["--help"]], ids=lambda it: it[0]
)
def test_a_full_disk_below_standard_output_is_said_in_a_line(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "lab.toml").write_text("[[gpu]]\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
        )
    assert (done.returncode, done.stderr) == (1, "hami-dra: [Errno 28] No space left on device\n")


def test_a_folder_that_cannot_be_read_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "shares").touch()
    done = hami_dra("resize", "claim/request", "--memory", "1Gi", "--state-dir", tmp_path)
    assert done.returncode == 1
    assert re.fullmatch("hami-dra.*: (needs root: .*|.*Not a directory: .*)\n", done.stderr)


@pytest.mark.parametrize("command", ["demo", "resize", "sim"])
def test_help_cuts_no_names_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shown, of_command = hami_dra("--help").stdout, hami_dra(command, "--help").stdout
    assert "…" not in shown + of_command
    assert "..." not in shown.partition("Commands:")[2]
    assert max(map(len, (shown + of_command).splitlines())) <= 50
