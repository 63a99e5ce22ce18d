"""Which containers run on which shares, and so how much of each GPU every container may have."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .limits import Limits, LimitsError
from .notes import ContainerNote, notes_in
from .share import MemoryEnforcement, Share


@dataclass(frozen=True, slots=True)
class NotedShare:
    """A limited share, the memory that it may use at present, and the containers that started on it."""

    share: Share
    memory: int
    notes: tuple[ContainerNote, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """A container on one GPU, with all of its shares of that GPU."""

    container_id: str
    cgroup: Path
    gpu_uuid: str
    shares: tuple[NotedShare, ...]

    @property
    def memory(self) -> int:
        """Bytes of the GPU that it may have: its shares add up."""
        return sum(each.memory for each in self.shares)

    @property
    def enforcement(self) -> MemoryEnforcement:
        """Whether the driver is to hold it to that."""
        return "driver" if any(each.share.memory_enforcement == "driver" for each in self.shares) else "library"


def noted_shares(root: Path, shares: Iterable[Share]) -> Iterator[NotedShare]:
    """The limited ones of the shares whose folders lie in `root`; those whose limits cannot be read are left out."""
    for share in shares:
        if share.access == "limited":
            folder = root / share.name
            try:
                limits = Limits.read(folder)
            except (OSError, LimitsError):
                continue
            yield NotedShare(share, limits.memory, tuple(notes_in(folder)))


def containers(shares: Iterable[NotedShare]) -> tuple[Container, ...]:
    """The containers that are noted, once for each GPU that they have shares of."""
    found: dict[tuple[str, str], list[tuple[ContainerNote, NotedShare]]] = defaultdict(list)
    for each in shares:
        for note in each.notes:
            found[note.container_id, each.share.gpu_uuid].append((note, each))
    return tuple(
        Container(container_id, noted[0][0].cgroup, gpu_uuid, tuple(each for _, each in noted))
        for (container_id, gpu_uuid), noted in found.items()
    )


def containers_of(share: Share, among: Sequence[Container]) -> tuple[Container, ...]:
    """Those containers that run on a share."""
    return tuple(each for each in among if any(noted.share.name == share.name for noted in each.shares))
