"""What people type, typed."""

import re
import subprocess
import sys
from pathlib import Path

SHARE_OF_EACH_GPU = """\
  0, Tesla T4, 4096 MiB, 0 MiB
  1, Tesla T4, 8192 MiB, 0 MiB
"""


def hami_dra(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("hami-dra"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


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


def test_sim_lays_out_a_machine_that_nvidia_smi_sees(tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    config.write_text('[[gpu]]\nmodel = "Tesla T4"\ncount = 2\n')
    done = hami_dra("sim", tmp_path / "root", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    (advice,) = [line for line in done.stdout.splitlines() if line.startswith("try it")]
    variable, _, smi = advice.removeprefix("try it").strip().partition(" ")
    shown = subprocess.run(["env", variable, smi, "-L"], capture_output=True, text=True, check=True).stdout
    assert [line.split(" (")[0] for line in shown.splitlines()] == ["GPU 0: Tesla T4", "GPU 1: Tesla T4"]


def test_sim_says_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    config.write_text('[[gpu]]\nmodel = "Tesla T5"\n')
    done = hami_dra("sim", tmp_path / "root", "--config", config)
    assert done.returncode == 1
    assert "there is no model 'Tesla T5'; there are: Tesla T4" in done.stderr
    assert not (tmp_path / "root").exists()
