"""The `limits` file of a share folder: what libvgpu.so holds the share's processes to."""

from dataclasses import dataclass
from typing import Self

from .share import Share

_VERSION = "1"
_MOST_DIGITS = 19  # libvgpu.so takes no number beyond 63 bits
_KEYS = ("version", "gpu", "memory", "cores", "policy")


class LimitsError(ValueError):
    """A text that is not a `limits` file of a version that we know."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a share may take of one GPU: `memory` in bytes, `cores` in percent, `policy` says how cores are held."""

    gpu_uuid: str
    memory: int
    cores: int
    policy: str

    @classmethod
    def of(cls, share: Share) -> Self:
        """The limits that make a container keep to its share."""
        return cls(gpu_uuid=share.gpu_uuid, memory=share.memory, cores=share.cores, policy="hard")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a `limits` file; keys that are not known here are a newer plugin's. Raises LimitsError."""
        values: dict[str, str] = {}
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key in values:
                raise LimitsError(f"limits: {key} stands twice")
            values[key] = value
        if missing := [key for key in _KEYS if not values.get(key)]:
            raise LimitsError(f"limits: {missing[0]} is missing")
        if values["version"] != _VERSION:
            raise LimitsError(f"limits: version {values['version']} is not known, only {_VERSION}")
        return cls(
            gpu_uuid=values["gpu"],
            memory=_number("memory", values["memory"]),
            cores=_number("cores", values["cores"]),
            policy=values["policy"],
        )

    def render(self) -> str:
        """Write it as libvgpu.so reads it."""
        values = (_VERSION, self.gpu_uuid, self.memory, self.cores, self.policy)
        return "".join(f"{key} {value}\n" for key, value in zip(_KEYS, values, strict=True))


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise LimitsError(f"limits: {key} is {text!r}, not a number")
    return int(text)
