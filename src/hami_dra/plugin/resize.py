"""Changes how much of its GPU's memory a share may use while its containers run, within what the scheduler granted."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hami_dra.cgroups import is_gone, unified_mount
from hami_dra.gpu import Holding, MemoryProcess, MemoryUnknownError
from hami_dra.kube import Quantity
from hami_dra.shares import (
    REGION_FILE,
    Container,
    NotedShare,
    ShareFolders,
    containers,
    containers_of,
    noted_shares,
    read_use,
)

from .share_memory import holder

_LEAST = 2**20


class ResizeError(Exception):
    """A share stays as large as it was; the text says why."""


@dataclass(frozen=True, slots=True)
class NewSize:
    """A share, by its claim and request, and the bytes that it is to have. Any namespace or shareID where None."""

    claim: str
    request: str
    memory: int
    namespace: str | None = None
    share_id: str | None = None


async def resize(folders: ShareFolders, driver_root: Path, wanted: NewSize) -> str:
    """Resize a share in its folder, which libvgpu.so obeys, and by the driver where that limits its containers.

    The folder comes first: what is set by the driver follows from it, here as in the plugin, so that the two cannot
    undo each other's work. Returns what was done. Raises ResizeError, and leaves all as it was then.
    """
    among = list(noted_shares(folders.root, folders.shares()))
    noted = _find(among, wanted, folders.root)
    _check_size(noted, wanted.memory)
    mount = unified_mount()
    running = [each for each in containers_of(noted.share, containers(among)) if not is_gone(each.cgroup, mount)]
    process = MemoryProcess(driver_root)
    try:
        if wanted.memory < noted.memory:
            _check_use(folders, noted, running, await _ask(process, running), wanted.memory)
        folders.resize(noted.share, wanted.memory)
        try:
            _check_limits(await _ask(process, [_resized(each, noted, wanted.memory) for each in running]))
        except (MemoryUnknownError, ResizeError):
            folders.resize(noted.share, noted.memory)
            with suppress(MemoryUnknownError):  # the plugin sets the limit by the folder when NVML answers again
                await _ask(process, running)
            raise
    except (MemoryUnknownError, OSError) as error:
        raise ResizeError(str(error)) from error
    finally:
        await process.end()
    return _done(noted, wanted.memory, running)


def _find(among: Iterable[NotedShare], wanted: NewSize, folder: Path) -> NotedShare:
    found = [each for each in among if _is_meant(each, wanted)]
    if not found:
        here = sorted(
            f"{share.claim_name}/{share.request} --namespace {share.claim_namespace}"
            for share in (each.share for each in among)
        )
        raise ResizeError(
            f"no limited share of claim {wanted.claim}, request {wanted.request} is prepared on this node: "
            f"run this on the node of its pods; {folder} has {'; '.join(here) or 'none'}"
        )
    if len(found) > 1:
        known = "; ".join(
            f"--namespace {share.claim_namespace} --share-id {share.share_id} ({share.gpu_uuid})"
            for share in (each.share for each in found)
        )
        raise ResizeError(f"{len(found)} shares are meant, so say which: {known}")
    return found[0]


def _is_meant(noted: NotedShare, wanted: NewSize) -> bool:
    """`main` is the request `main/sub` too, whichever alternative was taken."""
    share = noted.share
    return (
        share.claim_name == wanted.claim
        and wanted.request in (share.request, share.request.partition("/")[0])
        and wanted.namespace in (None, share.claim_namespace)
        and wanted.share_id in (None, share.share_id)
    )


def _check_size(noted: NotedShare, memory: int) -> None:
    granted = noted.share.memory
    if memory > granted:
        raise ResizeError(
            f"{Quantity(memory)} is more than the {Quantity(granted)} that the scheduler granted: "
            "for more the pod needs another claim"
        )
    if memory < _LEAST or memory % _LEAST:
        nearest = Quantity(max(memory // _LEAST, 1) * _LEAST)
        raise ResizeError(f"{Quantity(memory)} is not a whole number of Mi from 1Mi on: write {nearest}, say")


def _check_use(
    folders: ShareFolders, noted: NotedShare, running: Iterable[Container], holdings: Iterable[Holding], memory: int
) -> None:
    """Refuse less than is used: by the processes' own account, and by the driver's."""
    accounted = sum(process.used for process in read_use(folders.path(noted.share) / REGION_FILE))
    if accounted > memory:
        raise ResizeError(
            f"the share's processes hold {Quantity(accounted)}, more than {Quantity(memory)}: let them free some first"
        )
    for container, holding in zip(running, holdings, strict=True):
        most = container.memory - noted.memory + memory
        if holding.used is not None and holding.used > most:
            raise ResizeError(
                f"container {container.container_id[:12]} holds {Quantity(holding.used)} of {container.gpu_uuid} by "
                f"the driver's word, more than the {Quantity(most)} that it would have: let it free some first"
            )


def _check_limits(holdings: Iterable[Holding]) -> None:
    for each in holdings:
        if each.limited == "missing":
            raise ResizeError(f"the driver does not take the limit for {each.cgroup}: {each.problem}")


def _resized(container: Container, noted: NotedShare, memory: int) -> Container:
    shares = (replace(each, memory=memory) if each.share == noted.share else each for each in container.shares)
    return replace(container, shares=tuple(shares))


async def _ask(process: MemoryProcess, running: Iterable[Container]) -> tuple[Holding, ...]:
    """Have the driver hold containers to what they may have, and hear what they use."""
    holders = list(map(holder, running))
    return await process.ask(holders) if holders else ()


def _done(noted: NotedShare, memory: int, running: Sequence[Container]) -> str:
    share = noted.share
    by_driver = sum(each.enforcement == "driver" for each in running)
    return (
        f"claim {share.claim_namespace}/{share.claim_name}, request {share.request}: {Quantity(memory)} of "
        f"{share.gpu_uuid} instead of {Quantity(noted.memory)}, of {Quantity(share.memory)} that were granted; "
        f"held by libvgpu.so, and by the driver in {by_driver} of its {len(running)} containers"
    )
