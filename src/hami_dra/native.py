"""Where the compiled parts lie: inside the wheel, or in the source tree after `make build`."""

from pathlib import Path

_LIB = Path(__file__).parent / "lib"


def lib(name: str) -> Path:
    """Return the absolute path of a compiled file, e.g. `libvgpu.so` or `sim/libcuda.so`.

    Raises FileNotFoundError, with what to do, when it was never built.
    """
    path = (_LIB / name).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `make build`, or install the hami-dra wheel")
    return path
