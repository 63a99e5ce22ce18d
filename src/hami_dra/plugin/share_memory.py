"""What was found of the memory of shares: what their containers really use, and whether they are held to limits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hami_dra.gpu import Holder, Holding
from hami_dra.kube import Quantity
from hami_dra.shares import Container, NotedShare, Share

_MARGIN = 64 * 2**20
"""Bytes above the grant that are no overuse: the driver takes memory in blocks of 2 MiB, and its own share of a process
may grow between two of libvgpu.so's readings of it."""

Reason = Literal["ByDriver", "ByLibrary", "LimitMissing", "Overused"]
ContainerKey = tuple[str, str]
"""A container's ID with the UUID of a GPU."""


@dataclass(frozen=True, slots=True)
class ShareMemory:
    """A share's memory as it was found last.

    `limit` is what it may use at present; `used` what its containers hold by the driver's word, None where that does
    not tell; `overuse` how much more than the limit; `unlimited` those of its containers that the driver should
    limit and does not, with the reasons.
    """

    share: Share
    limit: int
    used: int | None = None
    overuse: int = 0
    unlimited: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> Reason:
        """How it stands with the limit, in a word."""
        if self.unlimited:
            return "LimitMissing"
        if self.overuse:
            return "Overused"
        return "ByDriver" if self.share.memory_enforcement == "driver" else "ByLibrary"

    @property
    def is_held(self) -> bool:
        """Whether nothing is known to be amiss."""
        return not self.unlimited and not self.overuse

    @property
    def message(self) -> str:
        """The same for people, with what to do."""
        gpu = self.share.gpu_uuid
        match self.reason:
            case "ByDriver":
                return f"the driver holds its containers to their memory of {gpu}, beside libvgpu.so"
            case "ByLibrary":
                return f"libvgpu.so holds its processes to their memory of {gpu}"
            case "LimitMissing":
                container, problem = next(iter(self.unlimited.items()))
                return (
                    f"the driver does not limit the memory of container {container[:12]} on {gpu}: {problem}; "
                    "libvgpu.so still does. Delete the pod, so that its containers start anew with a limit"
                )
            case "Overused":
                return (
                    f"its containers use {Quantity(self.overuse)} more of {gpu} than the {Quantity(self.limit)} that "
                    "they may: a program in them gets around libvgpu.so. Look at the pod, and require "
                    "memoryEnforcement driver where such programs are to be expected"
                )


def holder(container: Container) -> Holder:
    """A container as NVML is asked about it: by its cgroup, with the limit that the driver is to hold it to."""
    limit = container.memory if container.enforcement == "driver" else None
    return Holder(container.gpu_uuid, str(container.cgroup), limit)


def assess(
    shares: Iterable[NotedShare], among: Sequence[Container], holdings: Mapping[ContainerKey, Holding]
) -> dict[str, ShareMemory]:
    """Say of each share, by its name, what the holdings, by container and GPU, show of it."""
    known = [each for each in among if _key(each) in holdings]
    on = _by_share(known)
    overuse = _overuse(known, holdings)
    return {
        name: _of_share(each, on.get(name, []), holdings, overuse.get(name, 0))
        for name, each in ((each.share.name, each) for each in shares)
    }


def _of_share(
    noted: NotedShare, own: Sequence[Container], holdings: Mapping[ContainerKey, Holding], overuse: int
) -> ShareMemory:
    parts = [_part(noted, each, holdings[_key(each)].used) for each in own]
    known = [part for part in parts if part is not None]
    return ShareMemory(
        share=noted.share,
        limit=noted.memory,
        used=sum(known) if own and len(known) == len(parts) else None,
        overuse=overuse,
        unlimited={
            each.container_id: holdings[_key(each)].problem for each in own if holdings[_key(each)].limited == "missing"
        },
    )


def _part(noted: NotedShare, container: Container, used: int | None) -> int | None:
    """The share's part of what a container uses: by size, where that has several shares of the GPU."""
    return None if used is None else used * noted.memory // max(container.memory, 1)


def _overuse(among: Sequence[Container], holdings: Mapping[ContainerKey, Holding]) -> dict[str, int]:
    """By how much shares are overused that the driver does not limit.

    A container may take what its shares have together, and containers of one share have that once. So for each set of
    shares that some container has, and for all that hang together by containers: the containers that have no others
    must not use more than these have.
    """
    free = [each for each in among if each.enforcement == "library"]
    on = _by_share(free)
    over: dict[str, int] = {}
    for group in _groups(free):
        names = {each.share.name for each in group}
        touched = {_key(each): each for name in names for each in on[name]}.values()
        inside = [each for each in touched if all(noted.share.name in names for noted in each.shares)]
        used = sum(holdings[_key(each)].used or 0 for each in inside)
        excess = used - sum(each.memory for each in group)
        if excess > _MARGIN:
            for name in names:
                over[name] = max(excess, over.get(name, 0))
    return over


def _groups(among: Sequence[Container]) -> Iterator[tuple[NotedShare, ...]]:
    """The sets of shares to look at: each container's own, and all that hang together."""
    by_name = {noted.share.name: noted for each in among for noted in each.shares}
    sets = {frozenset(noted.share.name for noted in each.shares) for each in among}
    joined: list[frozenset[str]] = []
    for names in sets:
        touched = [group for group in joined if group & names]
        joined = [*(group for group in joined if group not in touched), names.union(*touched)]
    for names in sets.union(joined):
        yield tuple(by_name[name] for name in sorted(names))


def _by_share(among: Iterable[Container]) -> dict[str, list[Container]]:
    """Which containers run on each share, by its name."""
    on: dict[str, list[Container]] = defaultdict(list)
    for each in among:
        for noted in each.shares:
            on[noted.share.name].append(each)
    return on


def _key(container: Container) -> ContainerKey:
    return container.container_id, container.gpu_uuid
