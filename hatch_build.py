"""Compiles `native/` and the protocol messages into the wheel."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeBuildHook(BuildHookInterface[Any]):
    """Runs for wheels; an editable install uses what `make build` has left in the source tree."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what git does not hold and name it to hatchling."""
        if version == "editable":
            return
        root = Path(self.root)
        out = root / "build" / "lib"
        subprocess.run([sys.executable, root / "tools" / "generate_protos.py"], check=True)
        subprocess.run(["make", "-C", root / "native", f"OUT={out}", f"PYTHON={sys.executable}"], check=True)
        for file in out.rglob("*"):
            if file.is_file() and file.suffix != ".debug":
                build_data["force_include"][str(file)] = f"hami_dra/lib/{file.relative_to(out)}"
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-manylinux_2_17_x86_64"
