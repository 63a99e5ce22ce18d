"""Process 1 of a cluster's node: gives kubelet and containers the view of a machine of their own, then reaps orphans.

Runs in fresh mount, network, PID, UTS and IPC namespaces, so nothing that it does here reaches the host.
usage: node.py HOME IP NAME SERVICE_IP
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

# kubelet would write these for the whole machine: it is shown files that already hold what it wants.
_SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Folders of the host that are written to at their usual paths: copy-on-write, what is written stays in HOME.
_OVERLAID = ("/etc", "/var/lib", "/var/log")


def main(home: Path, ip: str, name: str, service_ip: str) -> None:
    """Set the node up, say so by the file `ready`, and stay until killed."""
    socket.sethostname(name)
    _mount_file_systems(home)
    _set_up_network(ip, service_ip)
    (home / "ready").touch()
    _reap_for_ever()


def _mount_file_systems(home: Path) -> None:
    # Containers with bidirectional mounts need shared propagation; it ends at this namespace.
    _run("mount", "--make-rshared", "/")
    for key, value in _SYSCTLS.items():
        shown = home / "sysctls" / key
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(value)
        _run("mount", "--bind", shown, f"/proc/sys/{key}")
    for folder in _OVERLAID:
        upper, work = (Path(f"{home}/overlay{folder}/{part}") for part in ("upper", "work"))
        for each in (upper, work):
            each.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={folder},upperdir={upper},workdir={work}", folder)
    # kubelet measures and mounts below its folder, so it is no overlay and propagates by itself.
    kubelet = home / "kubelet"
    kubelet.mkdir(exist_ok=True)
    Path("/var/lib/kubelet").mkdir(exist_ok=True)
    _run("mount", "--bind", kubelet, "/var/lib/kubelet")
    _run("mount", "--make-private", "/var/lib/kubelet")
    _run("mount", "--make-rshared", "/var/lib/kubelet")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # A file system of its own, as /run of a machine is: below a read-only mount of the driver's root it stays writable.
    run = home / "driver-root" / "run"
    if run.is_dir():
        _run("mount", "--bind", run, run)
    Path("/run/netns").mkdir()


def _set_up_network(ip: str, service_ip: str) -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "node0", "type", "bridge")
    _run("ip", "address", "add", f"{ip}/24", "dev", "node0")
    _run("ip", "link", "set", "node0", "up")
    _run("ip", "route", "add", "default", "via", ip)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    bridged = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridged.exists():
        bridged.write_text("1")
    # In place of kube-proxy: the one service that clients in the cluster need, kubernetes.default.
    for chain in ("PREROUTING", "OUTPUT"):
        match = ("-d", service_ip, "-p", "tcp", "--dport", "443")
        _run("iptables", "-t", "nat", "-A", chain, *match, "-j", "DNAT", "--to-destination", f"{ip}:6443")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def _reap_for_ever() -> None:
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5])
