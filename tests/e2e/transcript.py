"""What people see of shares with kubectl, as it was said in the tests: docs/describe.md is written from it."""

from pathlib import Path
from textwrap import fill

from deploy.image.build import REPOSITORY
from tests.e2e.cluster import Failed
from tests.e2e.workspace import Workspace

_WIDTH = 120
PAGE = REPOSITORY / "docs" / "describe.md"

_OPENING = """\
# What `kubectl describe` tells

Claims and pods that work, and those that do not, as a real cluster (Kubernetes 1.37) shows them; only the GPUs are
simulated. `make describe` runs the tests that bring these cases about, and writes this page.
"""


class Transcript:
    """Sections of the page, in the order in which they are told."""

    def __init__(self) -> None:
        self._parts = [_OPENING]

    def tell(self, title: str, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"## {title}\n{fill(text, _WIDTH)}\n")

    def show(self, workspace: Workspace, *args: str) -> str:
        """Run kubectl, and have the page say what it said."""
        return self._said(workspace.kubectl(*args), *args)

    def refused(self, failed: Failed, *args: str) -> str:
        """Have the page say how kubectl failed."""
        _, _, reason = str(failed).partition("\n")
        return self._said(reason, *args)

    def write(self, page: Path = PAGE) -> None:
        """Write the page."""
        page.write_text("\n".join(self._parts))

    def _said(self, said: str, *args: str) -> str:
        self._parts.append(f"```\n$ kubectl {' '.join(args)}\n{said.strip()}\n```\n")
        return said
