"""The image of pod sandboxes, so that the cluster needs none from a registry."""

import os
import subprocess
import sys
from pathlib import Path

from tools.layers import cached_layer
from tools.oci import write_archive

PAUSE_IMAGE = "localhost/pause:e2e"
_SOURCE = Path(__file__).with_name("pause.c")


def build_pause(archive: Path) -> Path:
    """Write the image to `archive`."""

    def compile_it(root: Path) -> None:
        target = f"{os.uname().machine}-linux-musl"  # musl, since it links statically
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-static", "-Os", "-s"]
        subprocess.run([*compiler, "-o", root / "pause", _SOURCE], check=True)

    write_archive(archive, PAUSE_IMAGE, [cached_layer("pause", _SOURCE.read_text(), compile_it)], ["/pause"])
    return archive
