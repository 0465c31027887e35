"""winmail.dat for the tests, as Exchange writes it [MS-OXTNEF]."""

import struct
from dataclasses import dataclass

EMBEDDED, OLE = 5, 6


@dataclass
class Attached:
    name: str
    content: bytes = b""
    declared_type: str = ""
    content_id: str = ""
    hidden: bool = False
    message: bytes = b""
    """A TNEF stream of its own."""
    method: int = 1
    in_properties: bool = False
    """The file is a property instead of an attribute."""


def attribute(level: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, kind, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def number(key: int, value: int) -> bytes:
    return struct.pack("<HHI", 0x0003, key, value)


def varying(kind: int, key: int, data: bytes) -> bytes:
    return struct.pack("<HHII", kind, key, 1, len(data)) + data + bytes(-len(data) % 4)


def text(key: int, value: str) -> bytes:
    return varying(0x001F, key, value.encode("utf-16-le") + b"\0\0")


def properties(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each)


NAMED = (
    struct.pack("<HH", 0x001E, 0x8001) + bytes(16) + struct.pack("<II", 1, 10) + "Name\0".encode("utf-16-le") + bytes(2)
    + struct.pack("<II", 1, 3) + b"abc\0"
)  # fmt: skip
"""A property with a name instead of a number."""
MANY = struct.pack("<HHI", 0x1003, 0x1234, 3) + bytes(12)
"""One with three values."""


def tnef(*attached: Attached, plain: str = "", html: str = "", rich: bytes = b"", subject: str = "") -> bytes:
    message = [NAMED, MANY, struct.pack("<HHQ", 0x0040, 0x0E06, 1)]
    if subject:
        message += [text(0x0037, subject), text(0x0C1A, "Alice")]
    if plain:
        message.append(text(0x1000, plain))
    if html:
        message += [varying(0x0102, 0x1013, html.encode()), number(0x3FDE, 65001)]
    if rich:
        message.append(varying(0x0102, 0x1009, rich))
    made = b"\x78\x9f\x3e\x22\x01\x00" + attribute(1, 0x9007, struct.pack("<II", 1252, 0))
    made += attribute(1, 0x9003, properties(*message))
    for one in attached:
        made += attribute(2, 0x9002, bytes(14))
        known = [text(0x3707, one.name), number(0x3705, one.method), number(0x7FFE, one.hidden)]
        if one.declared_type:
            known.append(text(0x370E, one.declared_type))
        if one.content_id:
            known.append(text(0x3712, one.content_id))
        if one.message:
            known.append(varying(0x000D, 0x3701, bytes(16) + one.message))
        elif one.in_properties:
            known.append(varying(0x0102, 0x3701, one.content))
        else:
            made += attribute(2, 0x8010, one.name[:8].encode("cp1252", "replace") + b"\0")
            made += attribute(2, 0x800F, one.content)
        made += attribute(2, 0x9005, properties(*known))
    return made
