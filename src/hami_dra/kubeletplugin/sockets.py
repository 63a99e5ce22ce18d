"""Where a plugin's sockets lie: names that a rolling update's two instances do not share, short enough for a socket."""

import hashlib
import re
import socket
from pathlib import Path

_LONGEST_PATH = 107
"""Bytes of a unix socket's path (sockaddr_un without its closing zero)."""

_POD_UID = "[0-9A-Za-z-]{32,36}"


class SocketError(OSError):
    """A socket cannot be made where the kubelet expects it; the text says why and what to do."""


class SocketName:
    """What one of a plugin's sockets is called: `<stem><ending>`, or `<stem>-<podUID><ending>` in a rolling update."""

    def __init__(self, folder: Path, stem: str, ending: str) -> None:
        self._folder = folder.absolute()
        # A driver's name, a pod's UID and the kubelet's folder together are easily too long.
        self._stems = (stem, hashlib.blake2b(stem.encode(), digest_size=4).hexdigest())
        self._ending = ending

    def path(self, pod_uid: str | None) -> Path:
        """The socket of one instance, its stem replaced by a hash where the path would be too long.

        Raises SocketError when even that does not fit.
        """
        instance = f"-{pod_uid}" if pod_uid else ""
        for stem in self._stems:
            path = self._folder / f"{stem}{instance}{self._ending}"
            if len(bytes(hidden(path))) <= _LONGEST_PATH:
                return path
        raise SocketError(
            f"{path} is too long for a unix socket ({_LONGEST_PATH - 1} bytes): use a folder with a shorter path"
        )

    def remove_dead(self) -> None:
        """Remove the sockets of all instances that were killed, those included that had no name yet.

        Raises SocketError.
        """
        stems = "|".join(map(re.escape, self._stems))
        ours = re.compile(rf"\.?({stems})(-{_POD_UID})?{re.escape(self._ending)}")
        try:
            for path in self._folder.iterdir():
                if ours.fullmatch(path.name) and is_dead(path):
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            pass  # no folder, no sockets
        except OSError as error:
            raise SocketError(f"cannot remove stale sockets from {self._folder}: {error}") from error


def hidden(path: Path) -> Path:
    """Where a socket is made before it gets its name: the kubelet overlooks what begins with a dot."""
    return path.with_name(f".{path.name}")


def is_dead(path: Path) -> bool:
    """Whether a path is a socket on which nobody listens any more."""
    if not path.is_socket():
        return False
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            probe.connect(str(path))
    except ConnectionRefusedError:
        return True
    except OSError:
        pass  # gone meanwhile, or alive and busy; or we have no descriptor left to find out
    return False
