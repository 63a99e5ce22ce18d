"""CDI specs that NVIDIA's tools made, read as far as they must be understood here."""

from typing import Annotated, Any

import msgspec

_VERSION = r"^v?[0-9]+\.[0-9]+\.[0-9]+\Z"


class CdiSpecError(ValueError):
    """A text that is not a CDI spec."""


class _DeviceNode(msgspec.Struct):
    path: str


class _Hook(msgspec.Struct):
    args: list[str] | None = None


class _Edits(msgspec.Struct, rename="camel"):
    """What is looked into of edits, or joined to others."""

    device_nodes: list[_DeviceNode] | None = None
    hooks: list[_Hook] | None = None
    mounts: list[dict[str, Any]] | None = None
    env: list[str] | None = None


class CdiDevice(msgspec.Struct, rename="camel"):
    """A device and its edits, which pass through as they are; but what is null counts as absent, as in runtimes."""

    name: str
    container_edits: dict[str, Any] = {}

    def __post_init__(self) -> None:
        self.container_edits = _sound(self.container_edits)


class CdiSpec(msgspec.Struct, rename="camel"):
    """A spec: edits for any of its devices, and for each."""

    cdi_version: Annotated[str, msgspec.Meta(pattern=_VERSION)]
    kind: str
    devices: list[CdiDevice]
    container_edits: dict[str, Any] = {}

    def __post_init__(self) -> None:
        self.cdi_version = self.cdi_version.removeprefix("v")
        self.container_edits = _sound(self.container_edits)


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


def _sound(edits: dict[str, Any]) -> dict[str, Any]:
    """The edits without what is null. Raises msgspec.ValidationError where they are none."""
    given = {field: value for field, value in edits.items() if value is not None}
    msgspec.convert(given, _Edits)
    return given
