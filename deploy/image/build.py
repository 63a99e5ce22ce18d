"""Builds the driver's image as an OCI archive: `python -m deploy.image.build [ARCHIVE]`.

Four layers, from what changes least to what changes most: Debian with Python, NVIDIA's tools, PyPI's packages, our
wheel. The first three come from the cache, so after a change of source only the wheel is made anew.
"""

import configparser
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.go_programs import NVIDIA_TOOLKIT
from tools.layers import SITE_PACKAGES, debian_layer, go_layer, pip_install, python_layer
from tools.oci import Layer, pack_layer, write_archive

REPOSITORY = Path(__file__).resolve().parents[2]
ARCHIVES = REPOSITORY / "build" / "image"
IMAGE = "localhost/hami-dra-driver:dev"
# libstdc++6 is grpcio's; the rest comes by dependency.
DEBIAN_PACKAGES = ("base-files", "python3", "libstdc++6")
_LAUNCHER = "#!/usr/bin/python3\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"


def build(archive: Path) -> Path:
    """Write the image of the working tree to `archive`."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        requirements = tomllib.load(file)["project"]["dependencies"]
    with tempfile.TemporaryDirectory() as work:
        layers = [
            debian_layer(DEBIAN_PACKAGES),
            go_layer(NVIDIA_TOOLKIT),
            python_layer(requirements, REPOSITORY / "constraints.txt"),
            _application_layer(Path(work)),
        ]
        archive.parent.mkdir(parents=True, exist_ok=True)
        write_archive(archive, IMAGE, layers, ["/usr/bin/hami-dra-plugin"])
    return archive


def _application_layer(work: Path) -> Layer:
    root = work / "root"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, f"--wheel-dir={work}", REPOSITORY], check=True)
    (wheel,) = work.glob("*.whl")
    pip_install(root, "--no-deps", str(wheel))
    _write_launchers(root)
    return pack_layer(root, work)


def _write_launchers(root: Path) -> None:
    """What pip would write for the wheel's console scripts, but for the image's interpreter."""
    (entry_points,) = (root / SITE_PACKAGES).glob("hami_dra-*.dist-info/entry_points.txt")
    scripts = configparser.ConfigParser()
    scripts.read(entry_points)
    (root / "usr/bin").mkdir(parents=True)
    for name, target in scripts["console_scripts"].items():
        module, _, function = target.partition(":")
        launcher = root / "usr/bin" / name
        launcher.write_text(_LAUNCHER.format(module=module, function=function))
        launcher.chmod(0o755)


def main() -> None:
    """Build, or say what could not be done; the programs that are run have said why."""
    try:
        print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVES / "hami-dra-driver.tar"))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} failed" + (": it needs root" if os.geteuid() else ""))


if __name__ == "__main__":
    main()
