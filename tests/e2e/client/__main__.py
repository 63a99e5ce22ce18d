"""Writes the client's image: `python -m tests.e2e.client ARCHIVE`."""

import sys
from pathlib import Path

from tests.e2e.client import build_client

print(build_client(Path(sys.argv[1])))
