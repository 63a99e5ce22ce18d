"""Parameters of shares, which claims and device classes give as opaque configuration."""

import re
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Annotated, Any, get_args

import msgspec
from msgspec.structs import asdict, replace

from hami_dra.kube import DeviceAllocationConfiguration
from hami_dra.kubeletplugin import ClaimError
from hami_dra.shares import DRIVER_NAME, ComputePolicy, Priority

from .enforcement import WANTED, Wanted

API_VERSION = "hami.project-hami.io/v1alpha1"
KIND = "ShareConfig"

_UNKNOWN_FIELD = re.compile("Object contains unknown field `(.*)`")
_REASON_AND_FIELD = re.compile(r"(.*?)(?: - at `\$\.(\w+)`)?", re.DOTALL)
_WRONG_WORD = re.compile("Invalid enum value (.*)")
_WORDS = {
    "computePolicy": sorted(get_args(ComputePolicy)),
    "priority": sorted(get_args(Priority)),
    "memoryEnforcement": sorted(WANTED),
}


class ShareConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What can be said of a share beside its size; None leaves it to a configuration of less weight.

    `make share-config` derives the JSON schema in docs/, and the chart's checks at admission, from it.
    """

    compute_policy: (
        Annotated[
            ComputePolicy,
            msgspec.Meta(
                description="How cores are held: always (hard, the default), while others on the GPU want theirs "
                "(work-conserving), or not at all (off)."
            ),
        ]
        | None
    ) = None
    priority: (
        Annotated[
            Priority,
            msgspec.Meta(
                description="Whose work goes first where shares of a GPU want it at once; low is the default."
            ),
        ]
        | None
    ) = None
    log_level: (
        Annotated[
            int,
            msgspec.Meta(
                ge=0, le=4, description="How much libvgpu.so writes to standard error, from 0 (why a GPU is closed)."
            ),
        ]
        | None
    ) = None
    memory_enforcement: (
        Annotated[
            Wanted,
            msgspec.Meta(
                description="Who holds the memory limit: auto is the driver where it can, beside libvgpu.so; driver "
                "refuses the claim where it cannot; library is libvgpu.so alone."
            ),
        ]
        | None
    ) = None


class RequestsConfig(msgspec.Struct, frozen=True):
    """A configuration and the requests for which it is: all where none is named."""

    requests: Sequence[str]
    config: ShareConfig

    def concerns(self, request: str) -> bool:
        """Whether it is for this request; one for `main` is for its alternative `main/sub` too."""
        return not self.requests or request in self.requests or request.partition("/")[0] in self.requests


def read_configs(allocated: Iterable[DeviceAllocationConfiguration]) -> tuple[RequestsConfig, ...]:
    """The configurations of an allocation that are for this driver, the weightiest last: claims outweigh classes.

    Raises ClaimError for whatever is not understood, with the path of the field.
    """
    found: list[tuple[bool, RequestsConfig]] = []
    for index, each in enumerate(allocated):
        if each.opaque and each.opaque.driver == DRIVER_NAME:
            config = _read(each.opaque.parameters, f"status.allocation.devices.config[{index}].opaque.parameters")
            found.append((each.source == "FromClaim", RequestsConfig(each.requests, config)))
    return tuple(config for _, config in sorted(found, key=itemgetter(0)))


def effective(configs: Iterable[RequestsConfig], request: str) -> ShareConfig:
    """What holds for a request: of each field the weightiest value."""
    joined = ShareConfig()
    for each in configs:
        if each.concerns(request):
            said = {field: value for field, value in asdict(each.config).items() if value is not None}
            joined = replace(joined, **said)
    return joined


def _read(parameters: dict[str, Any], path: str) -> ShareConfig:
    for field, known in (("apiVersion", API_VERSION), ("kind", KIND)):
        if parameters.get(field) != known:
            raise ClaimError(f"{path}.{field} is {parameters.get(field)!r}; {DRIVER_NAME} knows only {known}")
    said = {field: value for field, value in parameters.items() if field not in ("apiVersion", "kind")}
    try:
        return msgspec.convert(said, ShareConfig)
    except msgspec.ValidationError as error:
        raise ClaimError(_explained(str(error), path)) from error


def _explained(problem: str, path: str) -> str:
    """msgspec's text, `Expected … - at `$.field``, with the place first and as the user knows it."""
    matched = _REASON_AND_FIELD.fullmatch(problem)
    assert matched, "the pattern fits any text"
    reason, field = matched[1], matched[2]
    place = f"{path}.{field}" if field else path
    if unknown := _UNKNOWN_FIELD.fullmatch(reason):
        return f"{place}.{unknown[1]}: a {KIND} has no such field"
    if wrong := _WRONG_WORD.fullmatch(reason):
        return f"{place}: Expected {' or '.join(_WORDS[field])}, got {wrong[1]}"
    return f"{place}: {reason}"
