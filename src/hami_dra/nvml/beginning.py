"""How each of these programs begins."""

import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)


def begin() -> Path:
    """Read the command line: return the driver's root, and end with the process whose number stands behind it.

    However that ends: on an ill GPU no call of NVML may return, and then this program would never see it.
    """
    root, parent = sys.argv[1:]
    threading.excepthook = _end
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it has ended before
        sys.exit()
    return Path(root)


def _end(failure: threading.ExceptHookArgs) -> None:
    """What goes wrong in a thread ends the program, as it does elsewhere."""
    threading.__excepthook__(failure)
    os._exit(1)
