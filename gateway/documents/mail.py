"""A mail as a document: what was attached to another mail, or saved as a file, becomes the documents that are in it.

First its text, under a heading that says who wrote it to whom, then what is attached to it, in order, and so on within
that. What of a mail is a document is decided as for the mail that comes in (`parts`). Raises DocumentRefused for the
whole where a part of it cannot be faxed.
"""

import html as markup
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message as Header
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from urllib.parse import unquote

from gateway.documents import html, mime, refusals, tnef
from gateway.documents.installed import taken
from gateway.documents.kinds import CONTAINERS, Kind
from gateway.documents.parts import (
    BODY_KINDS,
    Body,
    Fax,
    FaxAlone,
    LeaveOut,
    Refuse,
    decide,
    in_utf8,
    kind_in_mail,
    see,
)
from gateway.errors import DocumentRefused

MAX_DEPTH = 5
"""Mails within mails."""
MAX_DOCUMENTS = 100
_AS_MAILED = compat32.clone(linesep="\r\n", max_line_length=0)
_SHOWN_FIELDS = ("From", "To", "Cc", "Date", "Subject")
_CONTENT_ID = re.compile(r"cid:([^\"'<>()\s]+)", re.IGNORECASE)
_TABLE = "<table style='border-bottom: 1px solid; margin-bottom: 1em; width: 100%'>{}</table>"
_ROW = "<tr><th style='text-align: left; vertical-align: top; width: 5em'>{}</th><td>{}</td></tr>"
_PLAIN = "<pre style='font-family: inherit; white-space: pre-wrap; margin: 0 0 1em 0'>{}</pre>"


@dataclass(frozen=True, slots=True)
class Found:
    """A document in a mail."""

    name: str
    kind: Kind
    content: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict)
    """What HTML may refer to, by Content-ID."""


@dataclass(frozen=True, slots=True)
class Written:
    """Text of a mail."""

    text: str
    is_html: bool
    in_alternative: bool
    """It says what HTML beside it says too (RFC 2046 5.1.4)."""


def documents(content: bytes, kind: Kind, name: str) -> list[Found]:
    """The documents of a MAIL or a TNEF, in order, each of a kind that is faxed. Raises DocumentRefused."""
    found: list[Found] = []
    for one in _within(content, kind, name, depth=1):
        if one.kind not in taken():
            raise refusals.not_taken(one.name, one.kind)
        found.append(one)
        if len(found) > MAX_DOCUMENTS:
            raise refusals.too_large(name, f"it has more than {MAX_DOCUMENTS} documents")
    if not found:
        raise refusals.empty(name)
    return found


def page(written: Iterable[Written], heading: str = "") -> str:
    """The text of a mail as one HTML document; empty where there is nothing to be seen."""
    written = list(written)
    has_html = any(one.is_html and one.text.strip() for one in written)
    pieces = [one for one in written if one.text.strip() and (one.is_html or not (has_html and one.in_alternative))]
    set_out = "".join(one.text if one.is_html else _PLAIN.format(markup.escape(one.text)) for one in pieces)
    return heading + set_out if html.shows(set_out) else ""


def packed(document: str, parts: Mapping[str, bytes]) -> bytes:
    """HTML and what it shows as one document, a MAIL without a heading (RFC 2557)."""
    root = MIMEText(document, "html", "utf-8")
    related = MIMEMultipart("related", _subparts=[root])
    for content_id, content in parts.items():
        part = MIMEApplication(content)
        part["Content-ID"] = f"<{content_id}>"
        part["Content-Disposition"] = "inline"
        related.attach(part)
    return related.as_bytes(policy=_AS_MAILED)


def referred_to(document: str) -> frozenset[str]:
    """The Content-IDs of what HTML shows (RFC 2392)."""
    return frozenset(unquote(found[1]) for found in _CONTENT_ID.finditer(document))


def _within(content: bytes, kind: Kind, name: str, depth: int) -> Iterator[Found]:
    if depth > MAX_DEPTH:
        raise refusals.too_large(name, f"mails are attached to mails more than {MAX_DEPTH} deep")
    if kind is Kind.TNEF:
        inside = _of_tnef(tnef.read(content, name, depth, MAX_DEPTH), name)
    else:
        inside = _of_mail(content, name)
    for found in inside:
        if found.kind in CONTAINERS:
            yield from _within(found.content, found.kind, found.name, depth + 1)
        else:
            yield found


def _of_mail(content: bytes, name: str) -> Iterator[Found]:
    header, body = mime.split_header(content)
    written: list[Written] = []
    attached: list[Found] = []
    pictures: list[tuple[int, str, Found]] = []
    by_id: dict[str, bytes] = {}
    opened = False
    for leaf in mime.leaves(content, header, body):
        octets, decoded = _octets(leaf)
        kind = kind_in_mail(octets, leaf.name, leaf.declared_type)
        is_text = kind in BODY_KINDS and leaf.declared_type.startswith("text/") and leaf.disposition != "attachment"
        seen = see(leaf, octets, kind, len(attached), opens=is_text and not opened, decoded=decoded)
        opened |= is_text
        found = Found(seen.called, kind, octets)
        if leaf.content_id:
            by_id[leaf.content_id] = octets
        match decide(seen):
            case Body():
                if leaf.declared_type in ("text/plain", "text/html"):
                    text = mime.decode_text(octets, leaf.charset)
                    written.append(Written(text, leaf.declared_type == "text/html", seen.in_alternative))
            case Fax():
                attached.append(Found(seen.called, kind, in_utf8(octets, kind, leaf.charset)))
            case FaxAlone():
                pictures.append((len(attached), leaf.content_id, found))
            case LeaveOut():
                pass
            case Refuse(text):
                raise DocumentRefused(text)
    document = page(written, _heading(header))
    shown = referred_to(document)
    for place, content_id, picture in reversed(pictures):
        if content_id not in shown:
            attached.insert(place, picture)
    if document:
        yield Found(
            name, Kind.HTML, b"\xef\xbb\xbf" + document.encode(), {one: by_id[one] for one in shown & by_id.keys()}
        )
    yield from attached


def _octets(leaf: mime.Leaf) -> tuple[bytes, bool]:
    """And whether they are those that were meant."""
    try:
        return leaf.decode(), True
    except mime.UnreadableEncodingError:
        return leaf.encoded, False


def _of_tnef(message: tnef.Message, name: str, *, with_text: bool = False) -> Iterator[Found]:
    """`with_text` for a mail that is attached; of the outermost the text is beside it, in the mail itself."""
    if with_text:
        written = [Written(message.html, is_html=True, in_alternative=False)]
        written.append(Written(message.plain, is_html=False, in_alternative=True))
        document = page(written, _table(message.fields))
        if document:
            yield Found(name, Kind.HTML, b"\xef\xbb\xbf" + document.encode())
        elif message.has_rich_text:
            raise DocumentRefused(f"{refusals.called(name)} is a mail in Outlook's rich text, which cannot be faxed.")
    for place, attachment in enumerate(message.attachments):
        if attachment.message is not None:
            yield from _of_tnef(attachment.message, attachment.name or name, with_text=True)
            continue
        kind = kind_in_mail(attachment.content, attachment.name, attachment.declared_type)
        leaf = _as_leaf(attachment)
        seen = see(leaf, attachment.content, kind, place)
        if attachment.is_object:
            raise DocumentRefused(
                f"{refusals.called(seen.called)} is an object within Outlook's text, which cannot be faxed; "
                "send the mail as HTML."
            )
        match decide(seen):
            case Refuse(text):
                raise DocumentRefused(text)
            case Fax() | FaxAlone():
                yield Found(seen.called, kind, attachment.content)


def _as_leaf(attachment: tnef.Attachment) -> mime.Leaf:
    """As if a mail had it."""
    header = Header()
    header["Content-Type"] = attachment.declared_type or "application/octet-stream"
    header.add_header("Content-Disposition", "inline" if attachment.hidden else "attachment", filename=attachment.name)
    if attachment.hidden and attachment.content_id:
        header["Content-ID"] = f"<{attachment.content_id}>"
    return mime.Leaf(header, attachment.content, ())


def _heading(header: Header) -> str:
    fields = {name: mime.readable(mime.text_of(header, name)) for name in _SHOWN_FIELDS}
    return _table(fields)


def _table(fields: Mapping[str, str]) -> str:
    rows = "".join(_ROW.format(name, markup.escape(value)) for name, value in fields.items() if value)
    return _TABLE.format(rows) if rows else ""
