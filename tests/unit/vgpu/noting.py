"""Programs that note what they see, as what their share has in use, in the list `seen`."""

from typing import Any

from tests.unit.vgpu.container import CUDA, GIB, Container

# What each begins with. see() notes what the share has in use, in units of the program's own UNIT of bytes.
NOTING = (
    CUDA
    + """
import json

seen = []

def failed(name, *arguments):
    return getattr(cuda, name)(*arguments)[0] != 0

def used():
    _, free, total = cuda.cuMemGetInfo()
    return (total - free) / UNIT

def see():
    seen.append(used())

call("cuInit", 0)
primary = call("cuDevicePrimaryCtxRetain", 0)
call("cuCtxSetCurrent", primary)
"""
)


def noted(container: Container, program: str) -> Any:
    """What a program has noted."""
    return container.python(program + "\nprint(json.dumps(seen))\n")


def noted_in_share(container: Container, program: str, limit: int = GIB) -> Any:
    """The same of one that is held to a limit, in bytes, on the first GPU."""
    container.grant(0, limit)
    return noted(container, program)
