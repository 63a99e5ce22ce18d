"""Puts on the host what containers use from there, each version in a folder of its own."""

import fcntl
import filecmp
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .versions import hold_version


def install(files: Iterable[Path], install_dir: Path) -> Path:
    """Copy `files` into a folder below `install_dir` that is named by their content; return the folder.

    A file that is there already and sound is left alone, for containers have it mapped. One that is not, as after a
    power loss, is replaced and never written over. What a killed process left unfinished goes. The folder stays until
    this process ends. Raises OSError.
    """
    files = sorted(files, key=lambda file: file.name)
    folder = install_dir / _version(files)
    with _alone_in(install_dir):
        hold_version(folder)
        for unfinished in folder.glob(".*"):
            unfinished.unlink()
        for file in files:
            installed = folder / file.name
            if not (installed.is_file() and filecmp.cmp(file, installed, shallow=False)):
                _replace(installed, file)
    return folder


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for other plugins that install here: what they have not finished is no dead one's."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _version(files: Iterable[Path]) -> str:
    digests = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digests.update(hashlib.file_digest(file, "sha256").digest())
    return digests.hexdigest()[:16]


def _replace(target: Path, source: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(0o755)
        temporary.replace(target)
    except BaseException:
        temporary.unlink()
        raise
