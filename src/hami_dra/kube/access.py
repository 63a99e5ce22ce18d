"""How to reach an API server and who we are there: from inside a pod, or by a kubeconfig file."""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import AccessError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a pod's credentials."""


@dataclass(frozen=True, slots=True)
class Access:
    """An API server's address with what proves its identity and ours. Raises AccessError where `url` is none."""

    url: str
    tls: ssl.SSLContext | None = None
    token: Callable[[], str | None] = lambda: None
    """Asked before each request, since tokens are rotated."""

    def __post_init__(self) -> None:
        if not is_url(self.url):
            raise AccessError(f"{self.url!r} is not the URL of an API server, such as https://10.0.0.1:6443")


def from_cluster(service_account: Path = SERVICE_ACCOUNT, environment: Mapping[str, str] = os.environ) -> Access:
    """Find the API server from inside a pod; raises AccessError outside of one."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not (host and port):
        raise AccessError("not inside a pod (KUBERNETES_SERVICE_HOST is not set): name a kubeconfig file instead")
    try:
        tls = ssl.create_default_context(cafile=str(service_account / "ca.crt"))
    except (OSError, ssl.SSLError) as error:
        raise AccessError(
            f"no usable {service_account / 'ca.crt'} ({error}): give the pod a service account with "
            "automountServiceAccountToken"
        ) from error
    address = f"[{host}]" if ":" in host else host
    return Access(f"https://{address}:{port}", tls, _token_file(service_account / "token"))


def from_kubeconfig(path: Path) -> Access:
    """Read the current context of a kubeconfig file; raises AccessError with what is wrong in it."""
    import yaml  # Only people have kubeconfig files; a pod starts without it.

    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config, "contexts", "context", config["current-context"])
        cluster = _named(config, "clusters", "cluster", context["cluster"])
        user = _named(config, "users", "user", context["user"])
        url = str(cluster["server"]).rstrip("/")
        tls = _tls(cluster, user, path.parent) if url.startswith("https://") else None
        return Access(url, tls, _token(user, path.parent))
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise AccessError(f"kubeconfig {path} cannot be used: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise AccessError(f"kubeconfig {path} is incomplete or no kubeconfig: {error!r}") from error


def _named(config: Any, section: str, field: str, name: str) -> Mapping[str, Any]:
    """Return the entry of one of the named lists that a kubeconfig consists of."""
    for entry in config[section]:
        if entry["name"] == name:
            found: Mapping[str, Any] = entry[field]
            return found
    raise KeyError(f"{name} in {section}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = (_content(user, field, folder) for field in ("client-certificate", "client-key"))
    if certificate and key:
        # OpenSSL's Python binding takes client certificates from files alone.
        with tempfile.NamedTemporaryFile() as both:
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _content(entry: Mapping[str, Any], field: str, folder: Path) -> bytes | None:
    """Return what a kubeconfig has inline (`field-data`) or in a file (`field`, relative to the kubeconfig)."""
    if inline := entry.get(f"{field}-data"):
        return base64.b64decode(inline, validate=True)
    return (folder / entry[field]).read_bytes() if entry.get(field) else None


def _token(user: Mapping[str, Any], folder: Path) -> Callable[[], str | None]:
    if "exec" in user or "auth-provider" in user:
        raise AccessError("the kubeconfig gets its credentials from a program: use one with a token or certificate")
    if given := user.get("token"):
        token = _checked(str(given), "the kubeconfig's token")
        return lambda: token
    return _token_file(folder / user["tokenFile"]) if user.get("tokenFile") else lambda: None


def _token_file(path: Path) -> Callable[[], str]:
    def read() -> str:
        try:
            token = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"the token file {path} cannot be read: {error}") from error
        return _checked(token, f"the token file {path}")

    return read


def _checked(token: str, source: str) -> str:
    """A token that can be sent as a header."""
    if not (token.isascii() and token.isprintable()):
        raise AccessError(f"{source} is not a token: it has characters that none can have")
    return token


def is_url(text: str) -> bool:
    """Whether a text can be the URL of an API server."""
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna")  # as the resolver has it: of labels of 1 to 63 characters
        return parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        return False
