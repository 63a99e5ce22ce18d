"""Reads and writes the API server's JSON."""

from functools import cache
from typing import Any, TypeVar

import msgspec

from .errors import KubeError
from .meta import Fields
from .quantity import Quantity

T = TypeVar("T")


def encode(wanted: Fields) -> bytes:
    """Write an object; quantities, the one type that msgspec does not know, become text."""
    return _encoder.encode(wanted)


def decode(wanted: type[T], answer: bytes | msgspec.Raw, asked: str) -> T:
    """Read an object; raises KubeError, with what was `asked`, when the answer is not one of this type."""
    hashable: Any = wanted  # mypy does not see that a type variable's type is.
    decoder: msgspec.json.Decoder[T] = _decoder(hashable)
    try:
        return decoder.decode(answer)
    except (msgspec.DecodeError, RecursionError) as error:  # a claim's parameters may be nested some thousand times
        raise KubeError(f"{asked}: the API server's answer is not understood: {error}") from error


_encoder = msgspec.json.Encoder(enc_hook=str)


@cache
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted, dec_hook=_read_quantity)


def _read_quantity(wanted: type, value: Any) -> Quantity:
    """Quantities come as text; a plain number is one too."""
    if wanted is not Quantity or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is not a quantity")
    return Quantity.parse(str(value))
