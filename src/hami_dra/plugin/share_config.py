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

_UNKNOWN_FIELD = re.compile("Object contains unknown field `(.*)`", re.DOTALL)
_FIELD = re.compile(r" - at `\$\.(\w+)`\Z")
_MUST_BE = {
    "computePolicy": " or ".join(sorted(get_args(ComputePolicy))),
    "priority": " or ".join(sorted(get_args(Priority))),
    "logLevel": "an integer from 0 to 4",
    "memoryEnforcement": " or ".join(sorted(WANTED)),
}
_ADVICE = {
    "FromClaim": "a claim never changes: correct what it is made from, and delete it with its pod",
    "FromClass": "correct the DeviceClass and delete the pod, so that its claim is allocated anew",
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
            try:
                config = _read(each.opaque.parameters)
            except ValueError as error:
                place = f"status.allocation.devices.config[{index}].opaque.parameters"
                raise ClaimError(f"{place}{error}; {_ADVICE[each.source]}") from error
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


def _read(parameters: dict[str, Any]) -> ShareConfig:
    """Raises ValueError, with the field and what it must be."""
    for field, known in (("apiVersion", API_VERSION), ("kind", KIND)):
        if parameters.get(field) != known:
            raise ValueError(f".{field}: must be {known}, not {parameters.get(field)!r}")
    said = {field: value for field, value in parameters.items() if field not in ("apiVersion", "kind")}
    try:
        return msgspec.convert(said, ShareConfig)
    except msgspec.ValidationError as error:
        raise ValueError(_explained(str(error), said)) from error


def _explained(problem: str, said: dict[str, Any]) -> str:
    """msgspec's `Expected … - at `$.field``, with the place first and in the words of the admission policies."""
    if unknown := _UNKNOWN_FIELD.fullmatch(problem):
        return f".{unknown[1]}: a {KIND} has no such field"
    if at := _FIELD.search(problem):
        return f".{at[1]}: must be {_MUST_BE[at[1]]}, not {said[at[1]]!r}"
    return f": {problem}"
