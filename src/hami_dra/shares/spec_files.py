"""The CDI spec files of claims, in a folder that container runtimes watch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from .files import names_in, remove_tree, remove_unfinished, replace_file
from .names import DRIVER_NAME

_PREFIX = f"{DRIVER_NAME}-"
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class SpecFiles:
    """One file per claim, named by its UID, beside other vendors' files."""

    cdi_dir: Path

    def path(self, claim_uid: str) -> Path:
        """Where the spec of a claim lies."""
        return self.cdi_dir / f"{_PREFIX}{claim_uid}{_SUFFIX}"

    def ensure(self, claim_uid: str, spec: Mapping[str, Any]) -> None:
        """Make a claim's file say `spec`; one that says it already is not touched, since runtimes read it anew."""
        path = self.path(claim_uid)
        content = msgspec.json.format(msgspec.json.encode(spec)) + b"\n"
        if not path.exists() or path.read_bytes() != content:
            self.cdi_dir.mkdir(parents=True, exist_ok=True)
            remove_unfinished(self.cdi_dir, path.name)
            replace_file(path, content)

    def remove_claim(self, claim_uid: str) -> None:
        """Remove a claim's file and what writing it may have left unfinished."""
        for owner, path in self.by_claim():
            if owner == claim_uid:
                remove_tree(path)

    def by_claim(self) -> Iterator[tuple[str, Path]]:
        """Each of our files, finished (`….json`) or not (`.….json.xyz`), with the claim that it belongs to."""
        for name in names_in(self.cdi_dir):
            if name.lstrip(".").startswith(_PREFIX):
                owner, ours, _ = name.lstrip(".").removeprefix(_PREFIX).partition(_SUFFIX)
                if ours:
                    yield owner, self.cdi_dir / name
