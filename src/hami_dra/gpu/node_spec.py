"""The CDI spec of NVIDIA's GPUs that a node has already, from the container toolkit or the GPU Operator."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from .cdi_spec import CdiSpec, CdiSpecError, parse_spec

_log = logging.getLogger(__name__)

_KIND = "nvidia.com/gpu"
_SUFFIXES = frozenset({".json", ".yaml"})


def node_spec(cdi_dirs: Iterable[Path]) -> CdiSpec | None:
    """The spec of kind `nvidia.com/gpu` in the first of the folders that has one: highest priority first."""
    specs = (spec for cdi_dir in cdi_dirs for spec in _specs(cdi_dir))
    return next((spec for spec in specs if spec.kind == _KIND), None)


def _specs(cdi_dir: Path) -> Iterator[CdiSpec]:
    try:
        paths = sorted(path for path in cdi_dir.iterdir() if path.suffix in _SUFFIXES)
    except OSError:
        return
    for path in paths:
        try:
            yield parse_spec(path.read_bytes())
        except (OSError, CdiSpecError) as error:
            _log.warning("%s is passed over: %s", path, error)
