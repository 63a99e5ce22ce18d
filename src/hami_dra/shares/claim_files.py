"""All that lies on a node for a claim: its share folders and its CDI spec. There is no other state."""

from collections.abc import Sequence
from dataclasses import dataclass

from .cdi import NodeEdits, claim_spec
from .folder import ShareFolders
from .share import Share
from .spec_files import SpecFiles


@dataclass(frozen=True, slots=True)
class ClaimFiles:
    """The files of all claims of a node. What is done twice is done once; calls for one claim must not overlap."""

    folders: ShareFolders
    specs: SpecFiles

    def ensure(self, shares: Sequence[Share], node: NodeEdits) -> None:
        """Make the files of the claim that consists of `shares`, and remove those of an earlier allocation of it.

        The spec comes last: until it is there, no container can start on what is half made.
        Raises OSError and DamagedRegionError.
        """
        claim_uid = shares[0].claim_uid
        for share in shares:
            self.folders.ensure(share)
        self.specs.ensure(claim_uid, claim_spec(shares, node))
        self.folders.remove_claim(claim_uid, keep=frozenset(share.name for share in shares))

    def remove(self, claim_uid: str) -> None:
        """Remove all files of a claim, the spec first: no container shall start on what is half gone."""
        self.specs.remove_claim(claim_uid)
        self.folders.remove_claim(claim_uid)

    def claim_uids(self) -> set[str]:
        """The claims that any file belongs to."""
        return self.specs.claim_uids() | self.folders.claim_uids()

    def is_usable(self, claim_uid: str) -> bool:
        """Whether a container could start on a claim's files: one half alone is of no use to anybody."""
        return claim_uid in self.specs.claim_uids() & self.folders.claim_uids()
