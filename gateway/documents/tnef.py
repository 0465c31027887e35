"""`winmail.dat`: Outlook's own envelope for attachments [MS-OXTNEF], taken apart.

Read here and not by a library: those that there are have not been kept for years, and go on silently after what they
cannot read, while half of a mail must never be faxed. The format has not changed since Outlook 97. Raises
DocumentRefused for whatever is not whole.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.documents import refusals

SIGNATURE = b"\x78\x9f\x3e\x22"
MAX_ATTACHMENTS = 500
_HEAD = 6
"""The signature and a key."""
_ATTRIBUTE = struct.Struct("<BHHI")
"""Level, id, type, length; behind the data a checksum of two bytes (2.1.3.1)."""
_CODEPAGE, _BODY, _MESSAGE_PROPERTIES = 0x9007, 0x800C, 0x9003
_RENDERING, _DATA, _TITLE, _PROPERTIES = 0x9002, 0x800F, 0x8010, 0x9005
"""An attachment begins with how it is shown; its file, its old name, and all else that is known of it (2.1.3.3)."""

_SUBJECT, _SENDER, _SHOWN_TO, _PLAIN, _RICH, _HTML = 0x0037, 0x0C1A, 0x0E04, 0x1000, 0x1009, 0x1013
_CODEPAGE_OF_HTML = 0x3FDE
_OBJECT, _SHORT_NAME, _METHOD, _LONG_NAME, _TYPE, _CONTENT_ID = 0x3701, 0x3704, 0x3705, 0x3707, 0x370E, 0x3712
_HIDDEN = 0x7FFE
_EMBEDDED_MESSAGE, _OLE = 5, 6
"""Methods of an attachment [MS-OXCMSG] 2.2.2.9."""
_FIXED = {
    0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4, 0x0014: 8, 0x0040: 8,
    0x0048: 16,
}  # fmt: skip
"""Sizes of property types, filled up to four bytes."""
_STRING8, _UNICODE, _OBJECT_TYPE, _BINARY, _MANY = 0x001E, 0x001F, 0x000D, 0x0102, 0x1000


@dataclass(slots=True)
class Attachment:
    name: str = ""
    content: bytes = b""
    declared_type: str = ""
    content_id: str = ""
    hidden: bool = False
    """It is shown within the text."""
    message: "Message | None" = None
    """Set where it is a mail."""
    is_object: bool = False
    """It is no file but an object of some program (OLE)."""


@dataclass(slots=True)
class Message:
    plain: str = ""
    html: str = ""
    has_rich_text: bool = False
    """Its text is there as compressed RTF."""
    fields: dict[str, str] = field(default_factory=dict)
    """What of its header is shown, by its name in a mail."""
    attachments: list[Attachment] = field(default_factory=list)


def read(content: bytes, name: str, depth: int = 1, max_depth: int = 5) -> Message:
    """Everything in a TNEF stream. Raises DocumentRefused."""
    if depth > max_depth:
        raise refusals.too_large(name, f"mails are attached to mails more than {max_depth} deep")
    if not content.startswith(SIGNATURE):
        raise refusals.broken(name, "no TNEF")
    try:
        return _read(content, name, depth, max_depth)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise refusals.broken(name, repr(error)) from error


def _read(content: bytes, name: str, depth: int, max_depth: int) -> Message:
    message = Message()
    codepage = "cp1252"
    for kind, data in _attributes(content):
        if kind == _CODEPAGE:
            codepage = _charset(struct.unpack_from("<I", data)[0])
        elif kind == _BODY:
            message.plain = _text(data, codepage)
        elif kind == _MESSAGE_PROPERTIES:
            _take_message(message, dict(_properties(data, codepage)), codepage)
        elif kind == _RENDERING:
            message.attachments.append(Attachment())
            if len(message.attachments) > MAX_ATTACHMENTS:
                raise refusals.too_large(name, f"it has more than {MAX_ATTACHMENTS} attachments")
        elif kind in (_DATA, _TITLE, _PROPERTIES):
            attachment = message.attachments[-1]
            if kind == _DATA:
                attachment.content = data
            elif kind == _TITLE:
                attachment.name = attachment.name or _text(data, codepage)
            else:
                _take_attachment(attachment, dict(_properties(data, codepage)), name, depth, max_depth)
    return message


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = _HEAD
    while content[at : at + _ATTRIBUTE.size].strip(b"\0\r\n "):  # some transports add a line end
        level, kind, _, length = _ATTRIBUTE.unpack_from(content, at)
        at += _ATTRIBUTE.size
        data = content[at : at + length]
        at += length + 2
        if level not in (1, 2) or len(data) != length or at > len(content):
            raise ValueError(f"broken off in attribute {kind:#x}")
        if sum(data) & 0xFFFF != struct.unpack_from("<H", content, at - 2)[0]:
            raise ValueError(f"attribute {kind:#x} is not what it was")
        yield kind, data


def _take_message(message: Message, found: Mapping[int, object], codepage: str) -> None:
    message.plain = _string(found, _PLAIN) or message.plain
    body = found.get(_HTML)
    if isinstance(body, bytes):
        message.html = _text(
            body, _charset(_number(found, _CODEPAGE_OF_HTML)) if _CODEPAGE_OF_HTML in found else codepage
        )
    elif isinstance(body, str):
        message.html = body
    message.has_rich_text = _RICH in found
    for title, key in (("From", _SENDER), ("To", _SHOWN_TO), ("Subject", _SUBJECT)):
        message.fields[title] = _string(found, key)


def _take_attachment(
    attachment: Attachment, found: Mapping[int, object], name: str, depth: int, max_depth: int
) -> None:
    attachment.name = _string(found, _LONG_NAME) or _string(found, _SHORT_NAME) or attachment.name
    attachment.declared_type = _string(found, _TYPE).lower()
    attachment.content_id = _string(found, _CONTENT_ID).strip("<>")
    attachment.hidden = bool(_number(found, _HIDDEN))
    method = _number(found, _METHOD)
    value = found.get(_OBJECT)
    attachment.is_object = method == _OLE
    if method == _EMBEDDED_MESSAGE and isinstance(value, bytes):
        # The interface's id, and then a stream like this one (2.1.3.4).
        attachment.message = read(value[16:], attachment.name or name, depth + 1, max_depth)
    elif isinstance(value, bytes) and not attachment.content:
        attachment.content = value


def _properties(data: bytes, codepage: str) -> Iterator[tuple[int, object]]:
    """Id and value of each property (2.1.3.4); of those with several values the last."""
    (count,) = struct.unpack_from("<I", data)
    at = 4
    for _ in range(count):
        kind, key = struct.unpack_from("<HH", data, at)
        at += 4
        if key >= 0x8000:
            at = _behind_name(data, at + 16)
        many, kind = kind & _MANY, kind & ~_MANY
        values = 1
        if many or kind not in _FIXED:
            (values,) = struct.unpack_from("<I", data, at)
            at += 4
        value: object = None
        for _ in range(values):
            if kind in _FIXED:
                value = int.from_bytes(data[at : at + min(4, _FIXED[kind])], "little")
                at += _FIXED[kind]
            elif kind in (_STRING8, _UNICODE, _OBJECT_TYPE, _BINARY):
                (length,) = struct.unpack_from("<I", data, at)
                value = data[at + 4 : at + 4 + length]
                at += 4 + -(-length // 4) * 4
            else:
                raise ValueError(f"a property of type {kind:#x}")
            if at > len(data):
                raise ValueError(f"broken off in property {key:#x}")
        if isinstance(value, bytes) and kind in (_STRING8, _UNICODE):
            value = _text(value, codepage if kind == _STRING8 else "utf-16-le")
        if key < 0x8000:
            yield key, value


def _behind_name(data: bytes, at: int) -> int:
    """Where the value of a named property begins."""
    by_text, length = struct.unpack_from("<II", data, at)
    return int(at + 8 + (-(-length // 4) * 4 if by_text else 0))


def _text(data: bytes, charset: str) -> str:
    return data.decode(charset, "replace").rstrip("\0")


def _charset(codepage: int) -> str:
    name = {65001: "utf-8", 20127: "ascii", 28591: "latin-1", 1200: "utf-16-le"}.get(codepage, f"cp{codepage}")
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name


def _string(found: Mapping[int, object], key: int) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _number(found: Mapping[int, object], key: int) -> int:
    value = found.get(key)
    return value if isinstance(value, int) else 0
