"""CDI specs that NVIDIA's tools made, read as far as they must be understood here."""

from typing import Any

import msgspec


class CdiSpecError(ValueError):
    """A text that is not a CDI spec."""


class CdiDevice(msgspec.Struct, rename="camel"):
    """A device and its edits, which pass through as they are."""

    name: str
    container_edits: dict[str, Any] = {}


class CdiSpec(msgspec.Struct, rename="camel"):
    """A spec: edits for any of its devices, and for each."""

    cdi_version: str
    kind: str
    devices: list[CdiDevice]
    container_edits: dict[str, Any] = {}


def parse_spec(text: bytes) -> CdiSpec:
    """Read a spec written in JSON or YAML. Raises CdiSpecError."""
    if text.lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(text, type=CdiSpec)
        except (msgspec.DecodeError, RecursionError) as error:
            raise CdiSpecError(str(error)) from error
    import yaml  # takes as long to import as all of this package, and most nodes never need it

    try:
        return msgspec.convert(yaml.safe_load(text), CdiSpec)
    except Exception as error:  # PyYAML lets out whatever its conversions raise: of a date with month 13, a ValueError
        raise CdiSpecError(str(error)) from error
