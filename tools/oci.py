"""Writes container images as OCI archives, which containerd, podman, skopeo and docker read: no registry, no daemon."""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True)
class Layer:
    """A packed layer: its compressed file, and the digest of what it unpacks to."""

    blob: Path
    diff_id: str


def pack_layer(root: Path, folder: Path) -> Layer:
    """Pack what lies below `root` into `folder`; the same content gives the same bytes."""
    packed = folder / "layer.tar"
    with tarfile.open(packed, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            archive.add(path, str(path.relative_to(root)), recursive=False, filter=_anonymous)
    (folder / "diff_id").write_text(_file_digest(packed))
    _compress(packed, folder / "layer.tar.gz")
    packed.unlink()
    return read_layer(folder)


def read_layer(folder: Path) -> Layer:
    """The layer that pack_layer left in `folder`."""
    return Layer(folder / "layer.tar.gz", (folder / "diff_id").read_text())


def write_archive(archive: Path, name: str, layers: Sequence[Layer], entrypoint: Sequence[str]) -> None:
    """Write `archive`, an image called `name` (with a tag) that runs `entrypoint`."""
    platform = {"architecture": _ARCHITECTURES[os.uname().machine], "os": "linux"}
    config = _json(
        {
            **platform,
            "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{_MEDIA}.manifest.v1+json",
            "config": _describe(config, f"{_MEDIA}.config.v1+json"),
            "layers": [_describe_file(layer.blob, f"{_MEDIA}.layer.v1.tar+gzip") for layer in layers],
        }
    )
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    described = _describe(manifest, f"{_MEDIA}.manifest.v1+json")
    index = {"schemaVersion": 2, "manifests": [described | {"platform": platform, "annotations": annotations}]}
    with tarfile.open(archive, "w") as out:
        _put(out, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _put(out, "index.json", _json(index))
        for content in (config, manifest):
            _put(out, _blob_path(_digest(content)), content)
        for layer in layers:
            out.add(layer.blob, _blob_path(_file_digest(layer.blob)), filter=_anonymous)


def _compress(plain: Path, compressed: Path) -> None:
    with plain.open("rb") as source, compressed.open("wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as target:
        shutil.copyfileobj(source, target)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry


def _put(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _describe(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _describe_file(path: Path, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _file_digest(path), "size": path.stat().st_size}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
