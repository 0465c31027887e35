"""A mail taken apart into its MIME leaves (RFC 2045, 2046), within bounds.

The standard library reads the header fields; the parts themselves are found here, by their boundaries in the octets,
because its parser makes a string of every line: ten times as slow for a scanned page, and without a bound for the
number of parts or their depth.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Header
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value

import pybase64

from gateway.errors import DocumentRefused

MAX_HEADER = 256 * 1024
"""Octets of a mail's header."""
MAX_PART_HEADER = 16 * 1024
"""Octets of a part's header."""
MAX_FIELD = 16 * 1024
"""Octets of a field that is looked into. The standard library takes quadratic time for parameters."""
MAX_DEPTH = 30
MAX_PARTS = 500

END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
BLANK_LINE = re.compile(rb"\r?\n")
DELIMITER_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
COMMENT = re.compile(r"\([^()]*\)")
TOKEN = re.compile(r"[^\s;,\"]+")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Never shown: they would break a line of a log or turn a name round."""

_parser = BytesHeaderParser(policy=compat32)


class UnreadableEncodingError(Exception):
    """The part's Content-Transfer-Encoding is unknown."""


@dataclass(slots=True)
class Leaf:
    """A part that has no parts."""

    header: Header
    encoded: bytes
    parents: tuple[str, ...]
    """The content types around it, outermost first."""
    default_type: str = field(default="text/plain")

    @property
    def declared_type(self) -> str:
        return content_type(self.header, self.default_type)

    @property
    def name(self) -> str:
        """The file name, decoded; empty if it has none."""
        return filename(self.header)

    @property
    def disposition(self) -> str:
        return text_of(self.header, "Content-Disposition").partition(";")[0].strip().lower()

    @property
    def content_id(self) -> str:
        return text_of(self.header, "Content-ID").strip().strip("<>")

    @property
    def charset(self) -> str:
        return _parameter(self.header, "charset", "Content-Type")

    def decode(self) -> bytes:
        """The octets behind the transfer encoding, as far as they can be had. Raises UnreadableEncodingError."""
        # A token and no more (RFC 2045 6.1); comments may stand about it, and some programs write parameters.
        field = TOKEN.search(COMMENT.sub(" ", text_of(self.header, "Content-Transfer-Encoding")))
        encoding = field[0].lower() if field else ""
        if encoding == "base64":
            return _base64(self.encoded)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(self.encoded)
        if encoding in {"", "7bit", "8bit", "binary"}:
            return self.encoded
        raise UnreadableEncodingError(encoding)


def split_header(content: bytes) -> tuple[Header, int]:
    """The header of a mail, and where its body begins. Raises DocumentRefused."""
    header, body = _header(content, 0, len(content), MAX_HEADER)
    return header, body


def leaves(content: bytes, header: Header, body: int) -> Iterator[Leaf]:
    """The leaves in their order. Raises DocumentRefused where the mail has too many parts, or too deep."""
    for count, leaf in enumerate(_leaves(content, header, body, len(content), (), "text/plain")):
        if count >= MAX_PARTS:
            raise DocumentRefused(f"The mail has more than {MAX_PARTS} parts.")
        yield leaf


def _leaves(
    content: bytes, header: Header, start: int, end: int, parents: tuple[str, ...], default: str
) -> Iterator[Leaf]:
    if len(parents) > MAX_DEPTH:
        raise DocumentRefused(f"The parts of the mail are nested more than {MAX_DEPTH} deep.")
    kind = content_type(header, default)
    boundary = _parameter(header, "boundary", "Content-Type") if kind.startswith("multipart/") else ""
    spans = list(_spans(content, start, end, boundary.encode("utf-8", "surrogateescape"))) if boundary else []
    if not spans:
        # A multipart without its boundary is what RFC 2046 5.1 forbids: nothing in it can be told apart.
        yield Leaf(header, content[start:end], parents, default)
        return
    for first, last in spans:
        inner, body = _header(content, first, last, MAX_PART_HEADER)
        default = "message/rfc822" if kind == "multipart/digest" else "text/plain"  # RFC 2046 5.1.5
        yield from _leaves(content, inner, body, last, (*parents, kind), default)


def _spans(content: bytes, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts between the delimiter lines begin and end. A missing last delimiter is forgiven."""
    delimiter = b"--" + boundary
    count = 0
    first = -1
    place = content.find(delimiter, start, end)
    while place >= 0:
        after = DELIMITER_END.match(content, place + len(delimiter), end)
        if after and (place == start or content[place - 1 : place] == b"\n"):
            if first >= 0:
                yield first, max(first, _without_line_end(content, place))
                count += 1
                if count > MAX_PARTS:
                    raise DocumentRefused(f"The mail has more than {MAX_PARTS} parts.")
            if after[1]:
                return
            first = after.end()
        place = content.find(b"\n" + delimiter, place + 1, end)
        place += place >= 0
    if first >= 0:
        yield first, end


def _without_line_end(content: bytes, place: int) -> int:
    """The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1)."""
    place -= 1
    return place - 1 if content[place - 1 : place] == b"\r" else place


def _header(content: bytes, start: int, end: int, limit: int) -> tuple[Header, int]:
    if blank := BLANK_LINE.match(content, start, end):
        return Header(policy=compat32), blank.end()
    found = END_OF_HEADER.search(content, start, min(end, start + limit))
    if not found:
        if end - start > limit:
            raise DocumentRefused("The mail has too large a header.")
        return _parser.parsebytes(content[start:end]), end
    return _parser.parsebytes(content[start : found.start()] + b"\r\n\r\n"), found.end()


def content_type(header: Header, default: str) -> str:
    """`major/minor` in lower case, whatever the field holds."""
    kind = text_of(header, "Content-Type").partition(";")[0].strip().lower()
    return kind if kind.count("/") == 1 and kind.isascii() and " " not in kind else default


def text_of(header: Header, name: str) -> str:
    """A field as it stands, raw octets read as UTF-8 or Latin-1; empty where it is missing or enormous."""
    for key, value in header.raw_items():
        if key.lower() == name.lower():
            raw = str(value)[:MAX_FIELD].encode("utf-8", "surrogateescape")
            try:
                return raw.decode()
            except UnicodeDecodeError:
                return raw.decode("latin-1")
    return ""


def readable(text: str) -> str:
    """Encoded words (RFC 2047) decoded as far as they can be, on one line, without control characters."""
    try:
        words = decode_header(text) if "=?" in text else [(text, None)]
    except (HeaderParseError, ValueError):  # ValueError: binascii's, on broken base64
        words = [(text, None)]
    decoded = "".join(word if isinstance(word, str) else decode_text(word, charset or "") for word, charset in words)
    return CONTROLS.sub(" ", decoded).strip()


def decode_text(octets: bytes, charset: str) -> str:
    """Text in what its sender called its charset, else in UTF-8, else in Latin-1, which never fails."""
    for candidate in (charset, "utf-8"):
        try:
            return octets.decode(candidate or "utf-8").encode("utf-8", "replace").decode()
        except (LookupError, ValueError):  # unknown charset, or not in it; codecs like `hex` raise their own kinds
            continue
    return octets.decode("latin-1")


def filename(header: Header) -> str:
    """`filename` of Content-Disposition or `name` of Content-Type: RFC 2231, or RFC 2047 (wrong, but everywhere)."""
    name = _parameter(header, "filename", "Content-Disposition") or _parameter(header, "name", "Content-Type")
    return readable(name)[:255]


def _parameter(header: Header, name: str, of: str) -> str:
    value = text_of(header, of)
    if ";" not in value:
        return ""
    # A header of its own: what was made of raw octets is text now, and the others are not needed.
    single = Header(policy=compat32)
    single.add_header("X", "")
    single.replace_header("X", value)
    try:
        found = single.get_param(name, "", "X")
        return collapse_rfc2231_value(found).strip()
    except (ValueError, LookupError, IndexError, TypeError):  # what RFC 2231 continuations can be made to raise
        return ""


def _base64(encoded: bytes) -> bytes:
    # pybase64 takes a tenth of the time of binascii, which would be half the time of reading a mail.
    try:
        return pybase64.b64decode(encoded)
    except binascii.Error:
        clean = NOT_BASE64.sub(b"", encoded)  # cut off in the middle: whole groups of four are left
        return pybase64.b64decode(clean[: len(clean) // 4 * 4])
