"""Certificates, keys and kubeconfig files of a throw-away cluster, made by openssl."""

import json
import subprocess
from pathlib import Path

# openssl wants a configuration; its own would mark every certificate as an authority's.
_CONFIG = "[req]\ndistinguished_name = none\n[none]\n"


def make(folder: Path, node: str, ip: str, service_ip: str) -> None:
    """Fill `folder` with all that the components of a cluster on one node (`node`, at `ip`) need."""
    folder.mkdir(parents=True)
    (folder / "openssl.cnf").write_text(_CONFIG)
    _openssl(folder, "req", "-x509", *_new_key("ca"), "-subj", "/CN=ca", "-addext", "basicConstraints=critical,CA:TRUE")
    names = f"IP:127.0.0.1,IP:{ip},IP:{service_ip},DNS:localhost,DNS:kubernetes.default.svc"
    _sign(folder, "apiserver", "/CN=kube-apiserver", "serverAuth", names)
    _sign(folder, "kubelet-server", f"/CN={node}", "serverAuth", f"IP:{ip},DNS:{node}")
    _sign(folder, "apiserver-kubelet", "/O=system:masters/CN=apiserver-kubelet-client", "clientAuth")
    _openssl(folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "service-accounts.key")
    _openssl(folder, "ec", "-in", "service-accounts.key", "-pubout", "-out", "service-accounts.pub")
    for user, subject in (
        ("admin", "/O=system:masters/CN=admin"),
        ("controller-manager", "/CN=system:kube-controller-manager"),
        ("scheduler", "/CN=system:kube-scheduler"),
        ("kubelet", f"/O=system:nodes/CN=system:node:{node}"),
    ):
        _sign(folder, user, subject, "clientAuth")
        _write_kubeconfig(folder, user)


def _sign(folder: Path, name: str, subject: str, usage: str, names: str = "") -> None:
    extensions = ["basicConstraints=critical,CA:FALSE", f"extendedKeyUsage={usage}"]
    if names:
        extensions.append(f"subjectAltName={names}")
    flags = [flag for extension in extensions for flag in ("-addext", extension)]
    authority = ("-CA", "ca.crt", "-CAkey", "ca.key")
    _openssl(folder, "req", "-x509", *authority, *_new_key(name), "-subj", subject, *flags)


def _new_key(name: str) -> list[str]:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"]
    return [*curve, "-config", "openssl.cnf", "-keyout", f"{name}.key", "-out", f"{name}.crt"]


def _openssl(folder: Path, *args: str) -> None:
    done = subprocess.run(["openssl", *args], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {args[0]} failed: {done.stderr}")


def _write_kubeconfig(folder: Path, user: str) -> None:
    server = {"server": "https://127.0.0.1:6443", "certificate-authority": f"{folder}/ca.crt"}
    credentials = {"client-certificate": f"{folder}/{user}.crt", "client-key": f"{folder}/{user}.key"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": server}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    }
    (folder / f"{user}.conf").write_text(json.dumps(config, indent=2))
