"""A mail as the gateway sees it: which of its parts are faxed, which are not and why, and how it is known again.

`read` opens hostile input and runs in a worker process (`gateway.sandbox`); what it returns can be pickled. It fails
by answer: whatever is wrong with the mail is `Message.refusal`, with the parts found so far. An exception is a fault
of ours.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.message import Message as Header
from io import BytesIO
from pathlib import Path

from gateway.documents.kinds import TYPESET, Kind
from gateway.errors import DocumentRefused, FaxgateError, NoDocument, OurTrouble
from smtp import mime
from smtp.parts import (
    BODY_KINDS,
    TEXT_OF_THE_MAIL,
    Body,
    Fax,
    FaxAlone,
    LeaveOut,
    Refuse,
    Seen,
    decide,
    is_inline,
    kind_in_mail,
)

Content = bytes | Path
FAXED = "faxed"
LEFT_OUT = "left out"
REFUSED = "refused"

MAX_FIELD = 998
"""Characters of a header field that are kept (RFC 5322 2.1.1)."""
SUFFIXES = {
    Kind.PDF: ".pdf",
    Kind.TIFF: ".tif",
    Kind.PNG: ".png",
    Kind.JPEG: ".jpg",
    Kind.GIF: ".gif",
    Kind.BMP: ".bmp",
    Kind.WEBP: ".webp",
    Kind.HEIF: ".heic",
    Kind.AVIF: ".avif",
    Kind.TEXT: ".txt",
    Kind.HTML: ".html",
    Kind.RTF: ".rtf",
    Kind.DOC: ".doc",
    Kind.DOCX: ".docx",
    Kind.ODT: ".odt",
    Kind.XLS: ".xls",
    Kind.XLSX: ".xlsx",
    Kind.ODS: ".ods",
    Kind.PPT: ".ppt",
    Kind.PPTX: ".pptx",
    Kind.ODP: ".odp",
    Kind.MAIL: ".eml",
    Kind.TNEF: ".dat",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a mail is read."""

    faxed: bool = True
    """False for a mail to the operator alone: its parts are nobody's business, only its header is read."""
    body_as_page: bool = False
    """Fax the plain text of a mail that has no document."""
    inspect: bool = True
    """Open the documents and count their pages."""
    max_pages: int = 500
    spool: Path | None = None
    """A directory for the documents of a large mail, which are then paths in it. In memory if None."""

    def without_inspection(self) -> "Options":
        return replace(self, inspect=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An attachment and what became of it. The written text of a mail is no attachment."""

    name: str
    content_type: str
    """What the bytes are; what the mail declared, where they cannot be told."""
    bytes: int
    outcome: str
    """FAXED, LEFT_OUT or REFUSED."""
    reason: str = ""
    pages: int | None = None
    """None where they were not counted."""
    content: "Content" = b""
    """Of a FAXED part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    subject: str = ""
    message_id: str = ""
    date: str = ""
    """As written."""
    from_header: str = ""
    digest: str = ""
    """SHA-256 of everything behind the header, in hex."""
    parts: tuple[Part, ...] = ()
    refusal: FaxgateError | None = None

    @property
    def identity(self) -> str:
        """What makes the same mail the same again; empty where nothing does, and then no mail repeats it."""
        named = self.message_id or self.date
        return f"{named} {self.digest}" if named else ""


def read(content: Content, options: Options) -> Message:
    """Read a mail, given whole or as a file."""
    octets = content.read_bytes() if isinstance(content, Path) else content
    try:
        header, body = mime.split_header(octets)
    except DocumentRefused as error:
        return Message(refusal=error)
    message = Message(
        subject=_field(header, "Subject"),
        message_id=_field(header, "Message-ID"),
        date=_field(header, "Date"),
        from_header=_field(header, "From"),
        digest=hashlib.sha256(memoryview(octets)[body:]).hexdigest(),
    )
    if not options.faxed:
        return message
    reader = _Reader(options)
    try:
        reader.take(mime.leaves(octets, header, body))
    except FaxgateError as error:
        reader.refusal = reader.refusal or error
    if reader.refusal:
        return replace(message, parts=_none_faxed(reader.parts), refusal=reader.refusal)
    return replace(message, parts=tuple(reader.parts))


def _field(header: Header, name: str) -> str:
    return mime.readable(mime.text_of(header, name))[:MAX_FIELD]


def _none_faxed(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(
        replace(part, outcome=LEFT_OUT, reason="the mail was refused", content=b"") if part.outcome == FAXED else part
        for part in parts
    )


class _Reader:
    """Goes through the leaves and keeps what becomes of them."""

    def __init__(self, options: Options) -> None:
        self.parts: list[Part] = []
        self.refusal: FaxgateError | None = None
        self._options = options
        self._plain: list[str] = []
        self._named_texts: list[Part] = []
        self._shown: list[tuple[int, Kind, bytes]] = []
        """Pictures that are the document if there is no other, and their places among the parts."""
        self._opened = False

    def take(self, leaves: Iterable[mime.Leaf]) -> None:
        """Decide on all parts. Raises FaxgateError for the mail as a whole."""
        for leaf in leaves:
            try:
                self._take(leaf, leaf.decode())
            except mime.UnreadableEncodingError:
                self._take(leaf, leaf.encoded, decoded=False)
        if not self.refusal and not any(part.outcome == FAXED for part in self.parts):
            self._take_body()
        else:
            self.parts += self._named_texts

    def _take_body(self) -> None:
        """There is no document: the text is one, where that is allowed, and its pictures are. Raises NoDocument."""
        for place, kind, content in self._shown:
            self.parts[place] = self._faxed(self.parts[place].name, kind, content, place)
        text = "\n\n".join(self._plain).strip()
        if self._options.body_as_page and text:
            self.parts.insert(0, self._faxed("message.txt", Kind.TEXT, text.encode(), len(self.parts)))
            return
        self.parts += self._named_texts
        if not self._shown:
            raise NoDocument("The mail has no document to fax; attach a PDF, a picture or a text file.")

    def _take(self, leaf: mime.Leaf, content: bytes, *, decoded: bool = True) -> None:
        kind = kind_in_mail(content, leaf.name, leaf.declared_type)
        is_text = kind in BODY_KINDS and leaf.declared_type.startswith("text/") and leaf.disposition != "attachment"
        opens, self._opened = is_text and not self._opened, self._opened or is_text
        seen = Seen(
            kind=kind,
            bytes=len(content),
            declared_type=leaf.declared_type,
            name=leaf.name,
            called=leaf.name or f"attachment-{len(self.parts) + 1}{SUFFIXES.get(kind, '')}",
            disposition=leaf.disposition,
            content_id=leaf.content_id,
            in_related="multipart/related" in leaf.parents,
            in_alternative="multipart/alternative" in leaf.parents[-1:],
            opens=opens,
            decoded=decoded,
        )
        if kind.startswith("image/") and is_inline(seen):
            seen = replace(seen, pixels=_pixels(content))
        shown = leaf.declared_type if kind is Kind.UNKNOWN else kind.value
        match decide(seen):
            case Body():
                if leaf.declared_type == "text/plain":
                    self._plain.append(mime.decode_text(content, leaf.charset))
                if leaf.name and not seen.in_alternative:
                    self._named_texts.append(_left_out(seen, leaf.declared_type, TEXT_OF_THE_MAIL))
            case Fax():
                document = _in_utf8(content, kind, leaf.charset) if kind in TYPESET else content
                self.parts.append(self._faxed(seen.called, kind, document, len(self.parts)))
            case FaxAlone(reason):
                self._shown.append((len(self.parts), kind, content))
                self.parts.append(_left_out(seen, shown, reason))
            case LeaveOut(reason):
                self.parts.append(_left_out(seen, shown, reason))
            case Refuse(text):
                self.parts.append(self._refused(seen.called, shown, len(content), DocumentRefused(text)))

    def _faxed(self, name: str, kind: Kind, content: bytes, place: int) -> Part:
        pages = None
        if self._options.inspect:
            try:
                pages = _count_pages(content, kind, name, self._options.max_pages)
            except FaxgateError as error:
                return self._refused(name, kind.value, len(content), error)
        kept: Content = content
        if self._options.spool:
            kept = self._options.spool / f"part-{place}{SUFFIXES[kind]}"
            try:
                kept.write_bytes(content)
            except OSError as error:
                raise OurTrouble("The mail cannot be stored now, try again later.", detail=str(error)) from error
        return Part(name=name, content_type=kind.value, bytes=len(content), outcome=FAXED, pages=pages, content=kept)

    def _refused(self, name: str, content_type: str, size: int, error: FaxgateError) -> Part:
        self.refusal = self.refusal or error
        return Part(name=name, content_type=content_type, bytes=size, outcome=REFUSED, reason=error.text)


def _left_out(seen: Seen, content_type: str, reason: str) -> Part:
    return Part(name=seen.called, content_type=content_type, bytes=seen.bytes, outcome=LEFT_OUT, reason=reason)


# The gateway's own process needs this module's types; what opens documents is imported in the worker alone.


def _count_pages(content: bytes, kind: Kind, name: str, max_pages: int) -> int | None:
    from gateway.documents.inspect import inspect

    return inspect(content, kind, name, max_pages)


def _pixels(content: bytes) -> int | None:
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as picture:
            return picture.width * picture.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _in_utf8(content: bytes, kind: Kind, charset: str) -> bytes:
    """Text in UTF-8, if its sender said in what charset it is. HTML is marked so, for it may say something else."""
    if kind is Kind.HTML and charset:
        return b"\xef\xbb\xbf" + mime.decode_text(content, charset).encode()
    if not charset or charset.lower() in {"utf-8", "us-ascii"}:
        return content
    return mime.decode_text(content, charset).encode()
