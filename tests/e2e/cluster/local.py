"""A real single-node Kubernetes in private namespaces, without Docker, systemd or a registry."""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.cluster import cgroups, pki
from tests.e2e.cluster.client import Cluster, Failed, wait_for
from tests.e2e.cluster.components import NODE, NODE_IP, SERVICE_IP, command_lines
from tests.e2e.cluster.namespaces import Node
from tests.e2e.cluster.pause import PAUSE_IMAGE, build_pause
from tools import debian
from tools.go_programs import CLUSTER_SOURCES, programs

_CONFIG = Path(__file__).with_name("config")
_DEBIAN_PACKAGES = {
    "etcd": "etcd-server",
    "ip": "iproute2",
    "iptables": "iptables",
    "openssl": "openssl",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}


class LocalCluster(Cluster):
    """Starts, serves and stops one cluster, all of whose state lies in the folder `home`.

    Needs root. The host keeps its mounts, links, sysctls and firewall; in its control groups the cluster has one
    subtree while it is up. A `home` that was up before starts again with what is on its disk.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self._node = Node(self.home)
        self._cgroup = f"hami-dra-{zlib.crc32(bytes(self.home)):08x}"

    def up(self, gates: Mapping[str, bool], emulated_version: str | None = None) -> None:
        """Start everything; returns when pods can be created.

        `gates` are feature gates of all components; `emulated_version` is that of the control plane, e.g. "1.34".
        """
        if os.geteuid() != 0:
            raise Failed("a cluster on this machine needs root; KUBECONFIG can name one elsewhere")
        debian.install(_DEBIAN_PACKAGES)
        self._write_files()
        cgroups.create(self._cgroup)
        self._node.start(NODE_IP, NODE, SERVICE_IP)
        commands = command_lines(self.home, gates, emulated_version)
        for name, command in commands.items():
            if name == "kube-controller-manager":
                self._wait("kube-apiserver", "kubectl", "get", "--raw=/readyz")
            if name == "kubelet":
                self._wait("containerd", "ctr", "version")
            self._node.start_daemon(name, command, self.environment())
        self.load_image(build_pause(self.home / "pause.tar"))
        self._wait("kubelet", "kubectl", "wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=1s")
        self._wait("kube-controller-manager", "kubectl", "get", "serviceaccount", "default")

    def down(self) -> None:
        """Kill every process of the node, with which its mounts and links go; its disk stays in `home`."""
        self._node.kill()
        cgroups.remove(self._cgroup)

    def restart(self, component: str) -> None:
        """Restart one of containerd, etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubelet."""
        self._node.restart_daemon(component, self.environment())

    def load_image(self, archive: Path) -> None:
        """Import an OCI archive into the node's containerd."""
        self.run("ctr", "--namespace=k8s.io", "images", "import", str(archive))

    def command(self, *args: str) -> list[str]:
        return self._node.command(*args)

    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "KUBECONFIG": f"{self.home}/pki/admin.conf",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "PATH": ":".join([*(str(programs(source)) for source in CLUSTER_SOURCES), "/usr/sbin:/usr/bin:/sbin:/bin"]),
        }

    def _write_files(self) -> None:
        if not (self.home / "pki").is_dir():
            pki.make(self.home / "pki", NODE, NODE_IP, SERVICE_IP)
        values = {"HOME": str(self.home), "IP": NODE_IP, "CGROUP": self._cgroup, "PAUSE": PAUSE_IMAGE}
        for template in _CONFIG.iterdir():
            text = template.read_text()
            for name, value in values.items():
                text = text.replace(f"@{name}@", value)
            folder = self.home / "config" / ("cni" if template.suffix == ".conflist" else "")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / template.name).write_text(text)

    def _wait(self, component: str, *probe: str) -> None:
        wait_for(component, lambda: self._succeeds(*probe), 90, lambda: self._node.log_tail(component))

    def _succeeds(self, *command: str) -> bool:
        try:
            self.run(*command)
        except Failed:
            return False
        return True
