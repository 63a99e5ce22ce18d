"""Generates the Python messages of the kubelet's protocols from `kubeletplugin/protos` into `kubeletplugin/_pb`."""

from pathlib import Path

from grpc_tools import protoc

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "hami_dra" / "kubeletplugin"


def generate_protos(protos: Path = PACKAGE / "protos", out: Path = PACKAGE / "_pb") -> None:
    """Write one module and its type stub for each .proto file, replacing what is there."""
    out.mkdir(exist_ok=True)
    (out / "__init__.py").write_text('"""Messages generated from `protos`: see tools/generate_protos.py."""\n')
    sources = sorted(protos.glob("*.proto"))
    arguments = [f"-I{protos}", f"--python_out={out}", f"--pyi_out={out}"]
    if protoc.main(["protoc", *arguments, *map(str, sources)]) != 0:
        raise SystemExit(f"protoc refused {protos}: see its message above")


if __name__ == "__main__":
    generate_protos()
