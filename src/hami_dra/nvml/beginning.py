"""How each of these programs begins."""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)


def begin() -> Path:
    """Read the command line: return the driver's root, and end with the process whose number stands behind it.

    However that ends: on an ill GPU no call of NVML may return, and then this program would never see it.
    """
    root, parent = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it has ended before
        sys.exit()
    return Path(root)
