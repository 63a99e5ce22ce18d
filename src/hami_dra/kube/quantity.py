"""Kubernetes quantities: exact integers that read and write as `4Gi`, `4294967296` or `30`."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Self

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_QUANTITY = re.compile(
    r"([+-]?)"
    r"([0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})"
    r"([KMGTPE]i|[numkMGTPE]?|[eE][+-]?[0-9]{1,2})"
)
_LARGEST = 2**63 - 1


class QuantityError(ValueError):
    """A text that is not a Kubernetes quantity."""


class Quantity(int):
    """An amount (bytes, percent, pieces) as the API server writes it; otherwise an int like any other."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a quantity exactly; a fraction counts as the next larger integer, as Kubernetes counts it.

        Raises QuantityError for anything that Kubernetes would not take, and beyond 64 bits.
        """
        return cls(_value(text))

    def __str__(self) -> str:
        """Write it with the largest binary suffix that keeps it exact, as in 4Gi; without one where none fits."""
        for suffix, factor in reversed(_BINARY.items()):
            if self and self % factor == 0:
                return f"{self // factor}{suffix}"
        return int.__repr__(self)


@lru_cache(maxsize=4096)  # a claim names the same few amounts again and again
def _value(text: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f"{text!r} is not a quantity: write it like 4Gi, 4096Mi, 4294967296 or 500m")
    sign, digits, suffix = match.groups()
    magnitude = -(-Fraction(digits) * _factor(suffix) // 1)
    if magnitude > _LARGEST:
        raise QuantityError(f"{text!r} is too large for a quantity: the largest is {_LARGEST}")
    return -magnitude if sign == "-" else magnitude


def _factor(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(_BINARY[suffix])
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    return Fraction(10) ** exponent
