"""Prints the GPUs of the driver root that is given, as JSON: for a process that must not load NVML itself."""

import logging
import sys
from pathlib import Path

import msgspec

from .inventory import read_inventory
from .nvml import NvmlUnavailableError

_EXIT_UNAVAILABLE = 1


def main() -> int:
    """Read the inventory once; what keeps NVML from working goes to standard error."""
    logging.basicConfig(format="%(message)s")
    try:
        gpus = read_inventory(Path(sys.argv[1]))
    except NvmlUnavailableError as error:
        print(error, file=sys.stderr)
        return _EXIT_UNAVAILABLE
    sys.stdout.buffer.write(msgspec.json.encode(gpus))
    return 0


if __name__ == "__main__":
    sys.exit(main())
