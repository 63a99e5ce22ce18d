import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hami_dra.kube import Access, AccessError
from hami_dra.kube.access import from_cluster, from_kubeconfig

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def kubeconfig(path: Path, *, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    path.write_text(
        json.dumps(
            {
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "other", "cluster": {}}, {"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path


def test_token_inline_and_in_a_rotated_file(tmp_path: Path) -> None:
    server = {"server": "http://127.0.0.1:8001/"}
    inline = from_kubeconfig(kubeconfig(tmp_path / "a", cluster=server, user={"token": "secret"}))
    assert (inline.url, inline.token(), inline.tls) == ("http://127.0.0.1:8001", "secret", None)
    (tmp_path / "token").write_text("one\n")
    file = from_kubeconfig(kubeconfig(tmp_path / "b", cluster=server, user={"tokenFile": "token"}))
    assert file.token() == "one"
    (tmp_path / "token").write_text("two\n")
    assert file.token() == "two"
    (tmp_path / "token").unlink()
    with pytest.raises(AccessError, match=r"token file .* cannot be read"):
        file.token()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"one\ntwo", "is not a token"), (b"one\0", "is not a token"), (b"\xff", "cannot be read")],
)
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    server = {"server": "http://127.0.0.1:8001/"}
    access = from_kubeconfig(kubeconfig(tmp_path / "config", cluster=server, user={"tokenFile": "token"}))
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(AccessError, match=complaint):
        access.token()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "10.0.0.1:6443",
        "//host",
        "ftp://host",
        "https://",
        "http://host:port",
        "http://[",
        f"https://{64 * 'a'}.example",
        "https://api..example",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(AccessError, match="is not the URL of an API server"):
        Access(url)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "cannot be used"),
        ("just text", "incomplete or no kubeconfig"),
        ("{}", "incomplete or no kubeconfig: KeyError\\('current-context'\\)"),
        ("{current-context: a, contexts: [], clusters: [], users: []}", "a in contexts"),
        ("{current-context: a, contexts: [{name: a, context: {cluster: c}}], clusters: 3}", "incomplete"),
        ("current-context: 2001-13-01", "cannot be used: month must be in"),
        ("[" * 2000, "cannot be used: maximum recursion depth"),
    ],
)
def test_a_bad_kubeconfig_is_refused_with_its_path(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(AccessError, match=complaint) as error:
        from_kubeconfig(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("cluster", "user", "complaint"),
    [
        ({"certificate-authority": "absent.crt"}, {}, "absent.crt"),
        ({"certificate-authority-data": "!"}, {}, "cannot be used"),
        ({"certificate-authority-data": base64.b64encode(b"junk").decode()}, {}, "cannot be used"),
        ({"certificate-authority": "\0"}, {}, "cannot be used"),
        ({}, {"exec": {"command": "login"}}, "credentials from a program"),
        ({}, {"token": "one\ntwo"}, "the kubeconfig's token is not a token"),
    ],
)
def test_bad_credentials_are_refused(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], complaint: str
) -> None:
    path = kubeconfig(tmp_path / "config", cluster={"server": "https://10.0.0.1:6443", **cluster}, user=user)
    with pytest.raises(AccessError, match=complaint):
        from_kubeconfig(path)


def test_a_missing_kubeconfig_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="No such file"):
        from_kubeconfig(tmp_path / "absent")


def test_outside_of_a_pod(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="not inside a pod"):
        from_cluster(tmp_path, {})
    with pytest.raises(AccessError, match="automountServiceAccountToken"):
        from_cluster(tmp_path, IN_POD)
