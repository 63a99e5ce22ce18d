"""Open-file-description locks on ranges of a file: the kernel drops them with their holder, however that ends.

They belong to the open file and not to the process, so two holders in one process exclude each other as well.
"""

import fcntl
import os
import struct

_FLOCK = struct.Struct("@hhqqi0q")  # struct flock: l_type, l_whence, l_start, l_len, l_pid

TO_THE_END = 0
"""The length of a range that ends where the file does, however long it may become."""


def try_lock(descriptor: int, start: int, length: int = 1) -> bool:
    """Lock a range for writing, unless another holds a part of it."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _for_writing(start, length))
    except (BlockingIOError, PermissionError):  # fcntl(2): a lock that another holds is EAGAIN or EACCES
        return False
    return True


def locked_from(descriptor: int, start: int, length: int) -> int | None:
    """Where in a range another's lock begins, or None where nobody else holds any part of it."""
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _for_writing(start, length))
    kind, _, first, _, _ = _FLOCK.unpack(answer)
    return None if kind == fcntl.F_UNLCK else int(first)


def _for_writing(start: int, length: int) -> bytes:
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
