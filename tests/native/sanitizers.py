"""The builds of native/ with sanitizers: how they are made, and how what they find in a process comes to light.

`python -m tests.native.sanitizers` builds them, and installs gcc for it where that is missing.
"""

import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import debian

ROOT = Path(__file__).parents[2]

# Python never frees some of its memory; unshare cannot be looked at by a child that is in another PID namespace.
_NOT_ASKED_FOR_LEAKS = (Path(sys.executable).name, "unshare")


@dataclass(frozen=True)
class Sanitizer:
    """One such build: what gcc is told, the library that comes first in its processes, its variable and options."""

    name: str
    flags: str
    runtime: str
    variable: str
    options: str

    @property
    def folder(self) -> Path:
        """Where the build lies: `lib` as in build/lib, `tests` as in build/tests."""
        return ROOT / "build/sanitized" / self.name

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables with which any program can load the build; errors go to files in `folder`/reports."""
        reports, options = folder / "reports", folder / "options"
        reports.mkdir()
        options.mkdir()
        for program in _NOT_ASKED_FOR_LEAKS:
            (options / program).write_text("detect_leaks=0")
        log = f"log_path={reports}/report:log_exe_name=1:handle_sigill=1:{self.options}"
        return {"LD_PRELOAD": _path_of(self.runtime), self.variable: f"{log}:include_if_exists={options}/%b"}


@functools.cache
def _path_of(runtime: str) -> str:
    asked = subprocess.run(["gcc", f"-print-file-name={runtime}"], capture_output=True, text=True, check=True)
    return str(Path(asked.stdout.strip()).resolve())


SANITIZERS = {
    sanitizer.name: sanitizer
    for sanitizer in (
        Sanitizer("address", "address,undefined", "libasan.so", "ASAN_OPTIONS", ""),
        # Else a process sleeps for a second when it exits, and may have its turn on a GPU so long.
        Sanitizer("thread", "thread", "libtsan.so", "TSAN_OPTIONS", "atexit_sleep_ms=0"),
    )
}


def _build(sanitizer: Sanitizer) -> None:
    make = ["make", "--no-print-directory", "-s", f"-j{os.cpu_count()}", "-C", str(ROOT / "native")]
    how = [f"SANITIZE={sanitizer.flags}", f"OUT={sanitizer.folder / 'lib'}", f"PYTHON={sys.executable}"]
    subprocess.run([*make, *how], check=True)


if __name__ == "__main__":
    debian.install({"gcc": "gcc", "/usr/include/stdlib.h": "libc6-dev"})
    for sanitizer in SANITIZERS.values():
        _build(sanitizer)
