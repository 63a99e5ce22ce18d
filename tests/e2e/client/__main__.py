"""Writes the client's image: `python -m tests.e2e.client [ARCHIVE]`."""

import sys
from pathlib import Path

from deploy.image.build import ARCHIVES
from tests.e2e.client import build_client

print(build_client(Path(sys.argv[1]) if len(sys.argv) > 1 else ARCHIVES / "gpu-client.tar"))
