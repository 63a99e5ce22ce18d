"""All that lies on a node for a claim: its share folders and its CDI spec. There is no other state."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from .cdi import NodeEdits, claim_spec
from .folder import Metadata, ShareFolders
from .share import Share
from .spec_files import SpecFiles


@dataclass(frozen=True, slots=True)
class ClaimFiles:
    """The files of all claims of a node. What is done twice is done once; calls for one claim must not overlap."""

    folders: ShareFolders
    specs: SpecFiles

    def ensure(
        self, shares: Sequence[Share], node: NodeEdits, metadata: Mapping[str, Metadata] = MappingProxyType({})
    ) -> None:
        """Make the files of the claim that consists of `shares`, and remove those of an earlier allocation of it.

        `metadata` is what containers can read of each request. The spec comes last: until it is there, no container can
        start on what is half made.
        Raises OSError and DamagedRegionError.
        """
        claim_uid = shares[0].claim_uid
        for share in shares:
            self.folders.ensure(share, metadata.get(share.request))
        paths = {request: each.path for request, each in metadata.items()}
        self.specs.ensure(claim_uid, claim_spec(shares, node, paths))
        self.folders.remove_claim(claim_uid, keep=frozenset(share.name for share in shares))

    def remove(self, claim_uid: str) -> None:
        """Remove all files of a claim, the spec first: no container shall start on what is half gone."""
        self.specs.remove_claim(claim_uid)
        self.folders.remove_claim(claim_uid)

    def by_claim(self) -> dict[str, list[Path]]:
        """All that lies on the node, by the claim that it belongs to, in the order in which it is to be removed."""
        found = defaultdict(list)
        for claim_uid, path in chain(self.specs.by_claim(), self.folders.by_claim()):
            found[claim_uid].append(path)
        return found

    def is_usable(self, claim_uid: str, paths: Collection[Path]) -> bool:
        """Whether a container could start on these files of a claim: one half alone is of no use to anybody."""
        return self.specs.path(claim_uid) in paths and any(path.parent == self.folders.root for path in paths)
