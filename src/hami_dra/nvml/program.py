"""What all of these programs have in common: how they begin, and how they end."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from .driver import NvmlUnavailableError
from .library import nvml

_PR_SET_PDEATHSIG = 1  # prctl(2)
_EXIT_UNAVAILABLE = 1


def run(work: Callable[[], None]) -> int:
    """Do work that asks NVML of the driver root on the command line, until that is done or nobody listens.

    What keeps NVML from working goes to standard error. Returns the exit status.
    """
    try:
        with nvml(_begin()):
            work()
    except NvmlUnavailableError as error:
        print(error, file=sys.stderr)
        return _EXIT_UNAVAILABLE
    except BrokenPipeError:
        pass
    return 0


def _begin() -> Path:
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
