"""Files that change as a whole: a reader finds the old content or the new, never a part."""

import os
import shutil
import tempfile
from pathlib import Path


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, sorted; nothing where there is no folder. Called for each claim, of thousands of files."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing, into which everybody may look, whatever this process's umask."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`, whatever lay there; those who have the old file open or mapped keep it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def remove_unfinished(folder: Path, name: str = "") -> None:
    """Remove what calls to replace files in a folder, or one of that name, left there when they were killed."""
    for unfinished in names_in(folder):
        if unfinished.startswith(f".{name}"):
            remove_tree(folder / unfinished)


def remove_tree(path: Path) -> None:
    """Remove a folder with its content, or a file; it vanishes at once, so nobody finds half of it."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    doomed = tempfile.mkdtemp(prefix=f".{path.name.lstrip('.')}.", dir=path.parent)
    path.replace(doomed)
    shutil.rmtree(doomed)
