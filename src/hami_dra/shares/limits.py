"""The `limits` file of a share folder: what libvgpu.so holds the share's processes to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .share import Share

LIMITS_FILE = "limits"

_VERSION = 1
_LARGEST = 2**63 - 1  # of the numbers that libvgpu.so takes
_SIZE = 4096  # bytes: a file as large as that, or a line as long as the next, is too much for libvgpu.so
_LINE_SIZE = 256
_KEYS = ("version", "gpu", "memory", "cores", "policy", "priority")
_DEFAULTS = {"priority": "low"}  # of keys that files of earlier plugins lack


class LimitsError(ValueError):
    """A text that is not a `limits` file of a version that we know."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a share may take of one GPU: `memory` in bytes, `cores` in percent, the rest says how cores are held."""

    gpu_uuid: str
    memory: int
    cores: int
    policy: str
    priority: str = "low"

    @classmethod
    def of(cls, share: Share) -> Self:
        """The limits that make a container keep to its share."""
        return cls(
            gpu_uuid=share.gpu_uuid,
            memory=share.memory,
            cores=share.cores,
            policy=share.compute_policy,
            priority=share.priority,
        )

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a `limits` file as libvgpu.so does, and nothing that it refuses; the UUID is not looked into.

        Keys that are not known here are a newer plugin's, whatever their values. Raises LimitsError.
        """
        values: dict[str, str] = {}
        for line in _lines(content):
            key, space, value = line.partition(" ")
            if not space:
                raise LimitsError(f"limits: {line!r} is not a key and a value")
            if key in values and key in _KEYS:
                raise LimitsError(f"limits: {key} stands twice")
            values[key] = value
        values = _DEFAULTS | values
        if missing := [key for key in _KEYS if not values.get(key)]:
            raise LimitsError(f"limits: {missing[0]} is missing")
        if _number("version", values["version"]) != _VERSION:
            raise LimitsError(f"limits: version {values['version']} is not known, only {_VERSION}")
        return cls(
            gpu_uuid=values["gpu"],
            memory=_number("memory", values["memory"]),
            cores=_number("cores", values["cores"]),
            policy=values["policy"],
            priority=values["priority"],
        )

    @classmethod
    def read(cls, share_folder: Path) -> Self:
        """What the share of a folder is held to at present. Raises LimitsError, and OSError."""
        return cls.parse((share_folder / LIMITS_FILE).read_bytes())

    def render(self) -> bytes:
        """Write it as libvgpu.so reads it."""
        values = (_VERSION, self.gpu_uuid, self.memory, self.cores, self.policy, self.priority)
        return "".join(f"{key} {value}\n" for key, value in zip(_KEYS, values, strict=True)).encode()


def _lines(content: bytes) -> list[str]:
    """The lines, each of which a newline ends. Bytes that are no text are kept: a newer key's value may have them."""
    *lines, rest = content.split(b"\n")
    if rest or b"\0" in content or len(content) >= _SIZE or any(len(line) >= _LINE_SIZE for line in lines):
        raise LimitsError("limits: not whole lines of text")
    return [line.decode(errors="surrogateescape") for line in lines]


def _number(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _LINE_SIZE and int(text) <= _LARGEST):
        raise LimitsError(f"limits: {key} is {text!r}, not a number")
    return int(text)
