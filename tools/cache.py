"""A folder outside the repository for what is slow to make: made once, atomically, by whoever comes first."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_root() -> Path:
    """The project's folder in the user's cache, by the XDG convention."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hami-dra"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; where it is missing, `make` fills a temporary one that then takes its place.

    The name says everything the content depends on, so a folder that exists is never stale.
    Concurrent callers wait for the first; a `make` that is killed leaves only a temporary folder, swept here.
    """
    folder = cache_root() / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        for left in folder.parent.glob(f".{folder.name}.making-*"):
            shutil.rmtree(left)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making-", dir=folder.parent))
        make(work)
        work.chmod(0o755)
        work.rename(folder)
    return folder
