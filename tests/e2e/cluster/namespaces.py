"""The private namespaces that make a folder of this machine look like a machine of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.cluster import node
from tests.e2e.cluster.client import Failed, wait_for

# Start a daemon that outlives this shell, and print its process id.
_SPAWN = 'log=$1; shift; setsid "$@" >> "$log" 2>&1 < /dev/null & echo $!'


class Node:
    """A process 1 (node.py) in namespaces of its own, and daemons beside it; what is known of them lies in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._unshare: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Make the namespaces; node.py gets `home` and `arguments`."""
        for folder in ("log", "daemons"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        ready = self.home / "ready"
        ready.unlink(missing_ok=True)
        unshare = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"]
        command = [*unshare, "--propagation=private", "--", sys.executable, node.__file__, str(self.home), *arguments]
        with self._log("node").open("wb") as log:
            self._unshare = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        wait_for("the node's namespaces", ready.exists, 20, lambda: self.log_tail("node"))
        parent = self._unshare.pid
        (self.home / "pid").write_text(Path(f"/proc/{parent}/task/{parent}/children").read_text().strip())

    def command(self, *args: str) -> list[str]:
        """The command line that runs `args` in the namespaces."""
        namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc"]
        return ["nsenter", f"--target={self._pid()}", *namespaces, f"--wdns={Path.cwd()}", "--", *args]

    def start_daemon(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Run `command` in the namespaces, logging to log/NAME.log."""
        spawn = self.command("sh", "-c", _SPAWN, "sh", str(self._log(name)), *command)
        started = subprocess.run(spawn, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        self._daemon(name).write_text(json.dumps({"pid": int(started.stdout), "command": command}))

    def restart_daemon(self, name: str, environment: dict[str, str]) -> None:
        """Stop the daemon as its service manager would, by SIGTERM, and start it anew. Raises Failed without one."""
        self._pid()
        if not self._daemon(name).exists():
            known = ", ".join(sorted(path.stem for path in self._daemon("*").parent.iterdir()))
            raise Failed(f"no component {name}: there are {known}")
        daemon = json.loads(self._daemon(name).read_text())
        stop = 'kill "$0"; while kill -0 "$0" 2> /dev/null; do sleep 0.05; done'
        subprocess.run(self.command("sh", "-c", stop, str(daemon["pid"])), check=True, timeout=60)
        self.start_daemon(name, daemon["command"], environment)

    def kill(self) -> None:
        """Kill process 1, and with it, by the kernel's rule, every process of the namespaces."""
        try:
            pid = self._pid()
            os.kill(pid, signal.SIGKILL)
            wait_for("the end of the node's processes", lambda: not Path(f"/proc/{pid}").exists(), 20)
        except (Failed, ProcessLookupError):
            pass
        if self._unshare:
            self._unshare.wait()
        (self.home / "pid").unlink(missing_ok=True)

    def log_tail(self, name: str, lines: int = 30) -> str:
        """The last lines of a daemon's log."""
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-lines:])

    def _pid(self) -> int:
        if not (self.home / "pid").exists():
            raise Failed("the cluster is down")
        pid = int((self.home / "pid").read_text())
        if Path(f"/proc/{pid}/ns/pid").readlink() == Path("/proc/self/ns/pid").readlink():
            raise ProcessLookupError(f"process {pid} is not the node's: another has got its number")
        return pid

    def _log(self, name: str) -> Path:
        return self.home / "log" / f"{name}.log"

    def _daemon(self, name: str) -> Path:
        return self.home / "daemons" / f"{name}.json"
