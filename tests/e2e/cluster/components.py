"""The command lines of the programs that make up a Kubernetes cluster on one node."""

from collections.abc import Mapping
from pathlib import Path

NODE = "gpu-node"
NODE_IP = "10.201.0.1"
SERVICE_IP = "10.96.0.1"


def command_lines(home: Path, gates: Mapping[str, bool], emulated_version: str | None) -> dict[str, list[str]]:
    """Each component's command, in the order in which they start.

    `emulated_version` (e.g. "1.34") makes the control plane behave as that version's; kubelet knows no such flag.
    """
    pki = home / "pki"
    features = ["--feature-gates=" + ",".join(f"{gate}={str(on).lower()}" for gate, on in gates.items())]
    control_plane = [*features, *([f"--emulated-version={emulated_version}"] if emulated_version else [])]
    return {
        "containerd": ["containerd", f"--config={home}/config/containerd.toml"],
        "etcd": ["etcd", f"--data-dir={home}/etcd", "--unsafe-no-fsync"],
        "kube-apiserver": [*_apiserver(home, pki), *control_plane],
        "kube-controller-manager": [*_controller_manager(home, pki), *control_plane],
        "kube-scheduler": ["kube-scheduler", *_client(pki, "scheduler"), *control_plane],
        "kubelet": [*_kubelet(home, pki), *features],
    }


def _apiserver(home: Path, pki: Path) -> list[str]:
    return [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={NODE_IP}",
        "--secure-port=6443",
        f"--cert-dir={home}/kube-apiserver",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
    ]


def _controller_manager(home: Path, pki: Path) -> list[str]:
    return [
        "kube-controller-manager",
        *_client(pki, "controller-manager"),
        f"--cert-dir={home}/kube-controller-manager",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
        "--use-service-account-credentials=true",
    ]


def _client(pki: Path, user: str) -> list[str]:
    """Flags of a component that is a client of the API server and serves only this machine."""
    config = f"{pki}/{user}.conf"
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]


def _kubelet(home: Path, pki: Path) -> list[str]:
    return [
        "kubelet",
        f"--config={home}/config/kubelet.yaml",
        f"--kubeconfig={pki}/kubelet.conf",
        f"--cert-dir={home}/kubelet/pki",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_IP}",
        "--v=2",
    ]
