"""Finds the fields that an API server drops because their feature gate is off."""

from typing import Any

import msgspec

from .meta import Fields


def dropped_fields(sent: Fields, stored: Fields) -> tuple[str, ...]:
    """Return the paths of what was sent and not stored, e.g. `devices.capacity.cores.requestPolicy`."""
    paths = _missing(msgspec.to_builtins(sent, enc_hook=str), msgspec.to_builtins(stored, enc_hook=str))
    return tuple(dict.fromkeys(".".join(path) for path in paths))


def _missing(sent: Any, stored: Any) -> list[tuple[str, ...]]:
    if isinstance(sent, dict):
        return [
            (key, *path)
            for key, value in sent.items()
            for path in (_missing(value, stored[key]) if key in stored else [()])
        ]
    if isinstance(sent, list | tuple):
        return [path for value, kept in zip(sent, stored, strict=False) for path in _missing(value, kept)]
    return []
