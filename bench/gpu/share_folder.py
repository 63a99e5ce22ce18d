"""A share folder as the plugin makes it, where there is nothing but Python: native/abi/share.h has the layout."""

import struct
from pathlib import Path

_HEADER = struct.pack("<QII", int.from_bytes(b"HAMIVGPU", "little"), 1, 2048)
_REGION_SIZE = 4096 + 2048 * 64
_TURNS = ("turn", "next", "urgent")


def make_share(folder: Path, name: str, gpu_uuid: str, memory: int, cores: int) -> Path:
    """Make a share of so many bytes and percent of a GPU; return what HAMI_DRA_SHARES must be for its programs.

    Those of one folder take turns on their GPU, as all shares of a node do.
    """
    share = folder / f"shares-{name}" / name
    share.mkdir(parents=True)
    lines = ("version 1", f"gpu {gpu_uuid}", f"memory {memory}", f"cores {cores}", "policy hard", "priority low")
    (share / "limits").write_text("".join(f"{line}\n" for line in lines))
    (share / "region").write_bytes(_HEADER.ljust(_REGION_SIZE, b"\0"))
    turns = folder / "turns" / gpu_uuid.partition("-")[2]
    turns.mkdir(parents=True, exist_ok=True)
    for file in _TURNS:
        (turns / file).touch()
    return share.parent
