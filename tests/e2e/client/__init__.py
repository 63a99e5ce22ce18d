"""The image of an ordinary GPU program, and of hostile ones: `python -m tests.e2e.client [ARCHIVE]` writes it."""

import shutil
import tempfile
from pathlib import Path

from deploy.image.build import DEBIAN_PACKAGES, REPOSITORY
from tests.native.hostile.programs import compile_hostile
from tools.layers import debian_layer, python_layer
from tools.oci import Layer, pack_layer, write_archive

CLIENT_IMAGE = "localhost/gpu-client:dev"
HOSTILE_PROGRAMS = "/usr/lib/hostile"
_PROGRAM = Path(__file__).with_name("gpu_client.py")
_REQUIREMENTS = ("cuda-bindings", "nvidia-ml-py")


def build_client(archive: Path) -> Path:
    """Write an image of glibc, Python, NVIDIA's bindings, gpu_client.py and tests/native/hostile to `archive`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        layers = [
            debian_layer(DEBIAN_PACKAGES),
            python_layer(_REQUIREMENTS, REPOSITORY / "constraints.txt"),
            _program_layer(Path(work)),
        ]
        write_archive(archive, CLIENT_IMAGE, layers, ["/usr/bin/gpu-client"])
    return archive


def _program_layer(work: Path) -> Layer:
    program = work / "root" / "usr" / "bin" / "gpu-client"
    program.parent.mkdir(parents=True)
    program.write_bytes(_PROGRAM.read_bytes())
    program.chmod(0o755)
    hostile = work / "root" / HOSTILE_PROGRAMS.lstrip("/")
    hostile.mkdir(parents=True)
    for name in ("take", "own_loader"):
        shutil.copy(compile_hostile() / name, hostile / name)
    return pack_layer(work / "root", work)
