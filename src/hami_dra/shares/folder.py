"""Share folders: what the plugin lays out for libvgpu.so, one folder per share."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import msgspec

from . import region
from .files import make_folder, names_in, remove_tree, remove_unfinished, replace_file
from .limits import LIMITS_FILE, Limits, LimitsError
from .notes import CONTAINERS_DIR
from .share import Share
from .turns import ensure_turns

REGION_FILE = "region"
SHARE_FILE = "share.json"
METADATA_FILE = "device-metadata.json"

_REGION_MODE = 0o666  # the tenant's processes may run as any user
_UID_LENGTH = 36  # Kubernetes' UIDs are UUIDs


class Metadata(Protocol):
    """What the containers of a request are to read of its devices."""

    @property
    def path(self) -> str:
        """Where they look for it."""
        ...

    def renewed(self, present: bytes) -> bytes:
        """The file's content, where it has `present` now, or nothing."""
        ...


class DamagedRegionError(Exception):
    """A region was spoilt by processes that still use it, so it can neither be trusted nor replaced."""


@dataclass(frozen=True, slots=True)
class ShareFolders:
    """All share folders of a node, below `root`. Names that start with a dot are unfinished or doomed folders."""

    root: Path

    def path(self, share: Share) -> Path:
        """Where the folder of a share lies on the host."""
        return self.root / share.name

    def ensure(self, share: Share, metadata: Metadata | None = None) -> None:
        """Make the share's folder, or mend it where something is missing or different.

        One without limits has no file for libvgpu.so. The region of a share in use stays as it is. Raises
        DamagedRegionError, and OSError.
        """
        if share.access == "limited":
            ensure_turns(self.root, share.gpu_uuid)
        if self.path(share).is_dir():
            self._mend(share, metadata)
        else:
            self._make(share, metadata)

    def shares(self) -> Iterator[Share]:
        """The shares that have a folder."""
        return shares_in(self.root / name for name in names_in(self.root))

    def by_claim(self) -> Iterator[tuple[str, Path]]:
        """All that lies here with the claim that it belongs to, unfinished folders included."""
        for name in names_in(self.root):
            yield _claim_uid(name), self.root / name

    def remove_claim(self, claim_uid: str, *, keep: frozenset[str] = frozenset()) -> None:
        """Remove whatever belongs to a claim, but for the folders named in `keep`."""
        for name in names_in(self.root):
            if _claim_uid(name) == claim_uid and name not in keep:
                remove_tree(self.root / name)

    def resize(self, share: Share, memory: int) -> None:
        """Hold a share to so many bytes from now on, at most what it was granted; its processes are told at once.

        That outlives a new preparation of the claim, and not the folder. Raises OSError.
        """
        _replace_limits(self.path(share), replace(Limits.of(share), memory=min(memory, share.memory)).render())

    def _make(self, share: Share, metadata: Metadata | None) -> None:
        make_folder(self.root)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{share.name}.", dir=self.root))
        try:
            unfinished.chmod(0o755)
            if share.access == "limited":
                make_folder(unfinished / CONTAINERS_DIR)
            for name, content, mode in _contents(share, metadata):
                (unfinished / name).write_bytes(content)
                (unfinished / name).chmod(mode)
            unfinished.replace(self.path(share))
        except BaseException:
            remove_tree(unfinished)
            raise

    def _mend(self, share: Share, metadata: Metadata | None) -> None:
        folder = self.path(share)
        remove_unfinished(folder)
        if metadata:
            _renew(folder / METADATA_FILE, metadata)
        is_different = _differs(folder / SHARE_FILE, _identity(share))
        if share.access == "limited":
            make_folder(folder / CONTAINERS_DIR)
            _mend_region(folder / REGION_FILE)
            limits = _resized_limits(share, folder)
            if is_different or _differs(folder / LIMITS_FILE, limits):
                _replace_limits(folder, limits)
        if is_different:
            # It says the limits too and comes last: whoever dies before that, the next one does all of it.
            replace_file(folder / SHARE_FILE, _identity(share))


def shares_in(folders: Iterable[Path]) -> Iterator[Share]:
    """Whose these folders are; unfinished ones, and those whose share.json cannot be read, are left out."""
    for folder in folders:
        if not folder.name.startswith("."):
            try:
                yield msgspec.json.decode((folder / SHARE_FILE).read_bytes(), type=Share)
            except (OSError, msgspec.DecodeError):
                continue


def _contents(share: Share, metadata: Metadata | None) -> Iterator[tuple[str, bytes, int]]:
    if share.access == "limited":
        yield LIMITS_FILE, _limits(share), 0o644
        yield REGION_FILE, region.empty(), _REGION_MODE
    if metadata:
        yield METADATA_FILE, metadata.renewed(b""), 0o644
    yield SHARE_FILE, _identity(share), 0o644


def _renew(path: Path, metadata: Metadata) -> None:
    """Containers that run keep what they have mounted; those that start see the news."""
    present = path.read_bytes() if path.exists() else b""
    if (content := metadata.renewed(present)) != present:
        replace_file(path, content)


def _limits(share: Share) -> bytes:
    return Limits.of(share).render()


def _resized_limits(share: Share, folder: Path) -> bytes:
    """What `limits` should say: less than was granted where the share was resized."""
    granted = Limits.of(share)
    try:
        present = Limits.read(folder)
    except (OSError, LimitsError):
        return granted.render()
    return replace(granted, memory=min(present.memory, granted.memory) or granted.memory).render()


def _replace_limits(folder: Path, limits: bytes) -> None:
    replace_file(folder / LIMITS_FILE, limits)
    region.raise_generation(folder / REGION_FILE)


def _identity(share: Share) -> bytes:
    return msgspec.json.format(msgspec.json.encode(share)) + b"\n"


def _differs(path: Path, wanted: bytes) -> bool:
    return not path.exists() or path.read_bytes() != wanted


def _mend_region(path: Path) -> None:
    if path.exists():
        if region.is_intact(path):
            return
        if region.is_in_use(path):
            raise DamagedRegionError(
                f"{path} was damaged by a process that still uses this share: delete the pods of the claim, "
                "then it is made anew"
            )
    replace_file(path, region.empty(), _REGION_MODE)


def _claim_uid(name: str) -> str:
    """The claim UID at the start of a folder's name: `<claimUID>-<shareID>`, perhaps after a dot."""
    return name.lstrip(".")[:_UID_LENGTH]
