"""What programs that start often leave to others to import: each takes as long as Python itself to start, or longer."""

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "asyncio", "grpc", "msgspec", "pynvml", "typer", "yaml")


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("hami_dra.nvml.inventory", {"pynvml"}),
        ("hami_dra.nvml.health", {"pynvml"}),
        ("hami_dra.plugin.main", {"aiohttp", "asyncio", "grpc", "msgspec"}),
    ],
)
def test_a_program_imports_what_it_needs_and_nothing_else_that_takes_long(module: str, needed: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert needed == set(HEAVY) & set(imported.split())
