"""Processes that programs under test have begun."""

from pathlib import Path


def pids_of(*words: str) -> list[int]:
    """The processes on whose command lines all of these words stand."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended
        if set(words) <= set(line):
            found.append(int(folder.name))
    return found


def is_asleep(pid: int) -> bool:
    """Whether a process, in any of its threads, waits for a time to pass, rather than for somebody."""
    try:
        return any("nanosleep" in (thread / "wchan").read_text() for thread in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return False
