"""`hami-dra resize`: what is typed becomes what is wanted."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ..kube import Quantity, QuantityError
from ..plugin.resize import NewSize

StateDir = Annotated[Path, typer.Option(envvar="HAMI_DRA_STATE_DIR", help="the plugin's --state-dir")]
DriverRoot = Annotated[Path, typer.Option(envvar="HAMI_DRA_DRIVER_ROOT", help="where the root of NVIDIA's driver is")]


class WantedError(Exception):
    """What was typed is not understood; the text says what should stand there."""


def read_wanted(share: str, memory: str, namespace: str | None, share_id: str | None) -> NewSize:
    """Read `CLAIM/REQUEST` and a quantity such as 6Gi. Raises WantedError."""
    claim, slash, request = share.partition("/")
    if not (claim and slash and request):
        raise WantedError(f"{share!r} is not CLAIM/REQUEST")
    try:
        amount = Quantity.parse(memory)
    except QuantityError as error:
        raise WantedError(f"--memory: {error}") from error
    return NewSize(claim, request, int(amount), namespace, share_id)


def check_root() -> None:
    """Raise WantedError where another than root would only fail half way."""
    if os.geteuid() != 0:
        raise WantedError("needs root: the shares' folders and the driver's limits are root's")
