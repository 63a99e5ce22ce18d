"""Splits the debug information off a program or a shared library: `python tools/split_debug.py WHOLE.debug STRIPPED`.

The whole file is what debuggers read, found by the name and checksum that the stripped one bears (.gnu_debuglink).
"""

import struct
import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SECTION = struct.Struct("<IIQQQQIIQQ")  # Elf64_Shdr
_PROGBITS, _STRTAB, _NOBITS = 1, 3, 8
_ALLOC = 0x2  # the section is part of the program in memory


@dataclass(frozen=True)
class _Section:
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int = 0
    info: int = 0
    alignment: int = 1
    entry_size: int = 0

    def pack(self) -> bytes:
        return _SECTION.pack(*vars(self).values())


def strip(whole: bytes, debug_name: str) -> bytes:
    """The file without what only debuggers read, with a link to the file `debug_name` that holds `whole`."""
    header = list(_HEADER.unpack_from(whole))
    first, count, names_index = header[6], header[12], header[13]
    sections = [_Section(*_SECTION.unpack_from(whole, first + i * _SECTION.size)) for i in range(count)]
    names_offset = sections[names_index].offset
    kept = sections[:1] + [section for section in sections if section.flags & _ALLOC]
    if kept != sections[: len(kept)]:
        raise ValueError("sections of the program lie behind others: their numbers would change")
    end = max(section.offset + section.size for section in kept if section.type != _NOBITS)

    names = bytearray(b"\0")
    for i, section in enumerate(kept[1:], 1):
        kept[i] = replace(section, name=_add_name(names, _name(whole, names_offset + section.name)))
    link = debug_name.encode() + b"\0"
    link += bytes(-len(link) % 4) + struct.pack("<I", zlib.crc32(whole))
    body = _pad(whole[:end], 4)
    kept.append(_Section(_add_name(names, b".gnu_debuglink"), _PROGBITS, 0, 0, len(body), len(link), alignment=4))
    body += link
    names_name = _add_name(names, b".shstrtab")
    kept.append(_Section(names_name, _STRTAB, 0, 0, len(body), len(names)))
    body = _pad(body + names, 8)

    header[6], header[12], header[13] = len(body), len(kept), len(kept) - 1
    return _HEADER.pack(*header) + body[_HEADER.size :] + b"".join(section.pack() for section in kept)


def _name(whole: bytes, offset: int) -> bytes:
    return whole[offset : whole.index(b"\0", offset)]


def _add_name(names: bytearray, name: bytes) -> int:
    place = len(names)
    names += name + b"\0"
    return place


def _pad(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


def main() -> None:
    """Write the stripped file, at once or not at all."""
    whole, stripped = Path(sys.argv[1]), Path(sys.argv[2])
    temporary = stripped.with_name(f".{stripped.name}.new")
    temporary.write_bytes(strip(whole.read_bytes(), whole.name))
    temporary.chmod(0o755)
    temporary.replace(stripped)


if __name__ == "__main__":
    main()
