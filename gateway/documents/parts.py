"""What becomes of a part of a mail: faxed, left out with a reason, or a refusal of the whole mail. Pure.

The bytes decide; what the mail declares is asked only where bytes cannot tell (whose signature, what invitation). An
attachment that is not understood refuses the mail, because a fax that silently lacks a page is worse than none.
"""

import re
from dataclasses import dataclass, replace
from io import BytesIO

from gateway.documents import mime, refusals, tnef
from gateway.documents.installed import taken
from gateway.documents.kinds import PICTURES, SUFFIXES, TYPESET, Kind, kind_of
from gateway.errors import DocumentRefused
from gateway.languages import said

BODY_KINDS = frozenset({Kind.TEXT, Kind.HTML, Kind.MAIL, Kind.VCARD, Kind.CALENDAR, Kind.PGP, Kind.UNKNOWN})
"""What the written text of a mail may look like. Anything else in its place is a document with a wrong type."""

LOGO_AREA = 160_000
"""Pixels. An inline picture with fewer (400 by 400, or a banner of 800 by 200) is a logo in a signature: a scanned
page has ten times as many even at 100 dpi, and would be an attachment."""
LOGO_BYTES = 8 * 1024
"""Of an inline picture whose pixels cannot be counted."""
IN_THE_TEXT = said("a picture in the text of the mail")
TEXT_OF_THE_MAIL = said("the text of the mail")

TNEF_NAME = "winmail.dat"
LEFT_OUT_TYPES = {
    "application/pkcs7-signature": said("a signature (S/MIME)"),
    "application/x-pkcs7-signature": said("a signature (S/MIME)"),
    "application/pgp-signature": said("a signature (PGP)"),
    "application/pgp-keys": said("a PGP key"),
    "text/vcard": said("a visiting card"),
    "text/x-vcard": said("a visiting card"),
    "text/directory": said("a visiting card"),
    "text/calendar": said("an invitation"),
    "application/ics": said("an invitation"),
    "message/delivery-status": said("a delivery report"),
    "message/disposition-notification": said("a delivery report"),
    "text/rfc822-headers": said("a delivery report"),
    "application/applefile": said("Macintosh file information"),
}
LEFT_OUT_SUFFIXES = {
    ".p7s": said("a signature (S/MIME)"),
    ".vcf": said("a visiting card"),
    ".ics": said("an invitation"),
}
LEFT_OUT_KINDS = {
    Kind.VCARD: said("a visiting card"),
    Kind.CALENDAR: said("an invitation"),
    Kind.PGP: said("a signature (PGP)"),
}
REFUSED_TYPES = {
    "application/pkcs7-mime": "The mail is encrypted or sealed (S/MIME); send it without that.",
    "application/x-pkcs7-mime": "The mail is encrypted or sealed (S/MIME); send it without that.",
    "application/pgp-encrypted": "The mail is encrypted (PGP); send it without that.",
    "message/partial": "The mail is one part of a divided mail; send it as one.",
    "message/external-body": "The mail names an attachment that is kept elsewhere; attach it.",
}
NEVER_TEXT = ("application/pdf", "image/", "audio/", "video/", "font/")
NEVER_TEXT_SUFFIXES = (".pdf", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif", ".doc", ".docx", ".xls", ".xlsx")
MAIL_TYPES = ("message/rfc822", "message/global", "message/news")
TEXTS = frozenset({Kind.TEXT, Kind.HTML, Kind.UNKNOWN})
"""What a mail whose header tells nothing may look like."""
HTML_TYPES = ("text/html", "application/xhtml+xml")
EXCHANGE_FRAGMENT = re.compile(r"ATT\d{5,}\.(?:html?|txt)", re.IGNORECASE)
"""Exchange gives the text between two attachments such a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a part when its fate is decided."""

    kind: Kind
    """Of its bytes."""
    bytes: int
    declared_type: str
    name: str
    """As declared, decoded; empty where there is none."""
    called: str
    """What people are told it is called: never empty."""
    disposition: str
    """`inline`, `attachment` or empty."""
    content_id: str
    in_related: bool
    in_alternative: bool
    opens: bool = False
    """It is the first part of the mail that is text and not attached."""
    decoded: bool = True
    """False where its transfer encoding is unknown: its bytes are as they came."""
    envelope_only: bool = False
    """It is a winmail.dat without attachments."""
    pixels: int | None = None
    """Width times height of a picture, where they can be told."""


@dataclass(frozen=True, slots=True)
class Body:
    """Written text of the mail: no attachment."""


@dataclass(frozen=True, slots=True)
class Fax:
    """A document to be faxed."""


@dataclass(frozen=True, slots=True)
class FaxAlone:
    """Faxed if the mail has no document: a pasted screenshot then is the document. Else left out."""

    reason: str


@dataclass(frozen=True, slots=True)
class LeaveOut:
    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    text: str
    """For the sender."""


def is_inline(seen: Seen) -> bool:
    """Whether the part is shown within the text rather than attached to it."""
    if seen.disposition == "attachment":
        # Some programs call everything an attachment; a picture that the HTML refers to is within it all the same.
        return seen.in_related and bool(seen.content_id)
    return seen.disposition == "inline" or bool(seen.content_id)


def see(leaf: mime.Leaf, content: bytes, kind: Kind, place: int, *, opens: bool = False, decoded: bool = True) -> Seen:
    """What is known of a part; `place` is its number among the attachments, from 0."""
    seen = Seen(
        kind=kind,
        bytes=len(content),
        declared_type=leaf.declared_type,
        name=leaf.name,
        called=leaf.name or _subject(leaf, content) or f"attachment-{place + 1}{SUFFIXES.get(kind, '')}",
        disposition=leaf.disposition,
        content_id=leaf.content_id,
        in_related="multipart/related" in leaf.parents,
        in_alternative="multipart/alternative" in leaf.parents[-1:],
        opens=opens,
        decoded=decoded,
        envelope_only=kind is Kind.TNEF and _holds_nothing(content, leaf.name),
    )
    return replace(seen, pixels=_pixels(content)) if kind in PICTURES and is_inline(seen) else seen


def _subject(leaf: mime.Leaf, content: bytes) -> str:
    """What a forwarded mail is called, as mail programs show it; empty for anything else."""
    if leaf.declared_type not in MAIL_TYPES:
        return ""
    try:
        header, _ = mime.split_header(content)
    except DocumentRefused:
        return ""
    subject = mime.readable(mime.text_of(header, "Subject"))[:251]
    return f"{subject}.eml" if subject else ""


def _holds_nothing(content: bytes, name: str) -> bool:
    try:
        return not tnef.read(content, name).attachments
    except DocumentRefused:
        return False  # and whoever opens it will say so


def _pixels(content: bytes) -> int | None:
    from PIL import Image  # the gateway's own process needs this module's types, and only a worker opens anything

    try:
        with Image.open(BytesIO(content)) as picture:
            return picture.width * picture.height
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def in_utf8(content: bytes, kind: Kind, charset: str) -> bytes:
    """Text in UTF-8, if its sender said in what charset it is. HTML is marked so, for it may say something else."""
    if kind is Kind.HTML and charset:
        return b"\xef\xbb\xbf" + mime.decode_text(content, charset).encode()
    if not charset or charset.lower() in {"utf-8", "us-ascii"}:
        return content
    return mime.decode_text(content, charset).encode()


def kind_in_mail(content: bytes, name: str, declared_type: str) -> Kind:
    """What a part is: by its bytes; only what looks like text is what it was declared to be."""
    kind = kind_of(content, name)
    if kind in TEXTS and declared_type in MAIL_TYPES:
        return Kind.MAIL
    if kind is Kind.TEXT and declared_type in HTML_TYPES:
        return Kind.HTML
    return kind


def decide(seen: Seen) -> Body | Fax | FaxAlone | LeaveOut | Refuse:
    decided = _decide(seen)
    if not seen.decoded and (isinstance(decided, Refuse) or (isinstance(decided, Fax) and seen.kind in TYPESET)):
        return Refuse(f'The attachment "{seen.called}" has an unknown transfer encoding.')
    return decided


def _decide(seen: Seen) -> Body | Fax | FaxAlone | LeaveOut | Refuse:
    name = seen.name.lower()
    if seen.declared_type in REFUSED_TYPES:
        return Refuse(REFUSED_TYPES[seen.declared_type])
    if seen.kind is not Kind.TNEF and (seen.declared_type == Kind.TNEF.value or name == TNEF_NAME):
        return Refuse(refusals.broken(seen.called).text)
    if seen.envelope_only:
        return LeaveOut(said("the formatting of the text (winmail.dat)"))
    if reason := _left_out(seen, name):
        return LeaveOut(reason)
    if _is_body(seen):
        return Body()
    if seen.declared_type.startswith("multipart/"):
        return Refuse("The parts of the mail cannot be told apart; send it again from another program.")
    if not seen.bytes:
        return Refuse(f'The attachment "{seen.called}" is empty.')
    if seen.kind not in taken():
        return Refuse(refusals.not_taken(seen.called, seen.kind, seen.declared_type).text)
    if _belongs_to_html(seen):
        return FaxAlone(IN_THE_TEXT)
    if seen.kind is Kind.TEXT and _is_no_text(seen, name):
        return Refuse(f'The attachment "{seen.called}" ({seen.declared_type}) is damaged: it is plain text.')
    return Fax()


def _left_out(seen: Seen, name: str) -> str:
    """Why the part is not faxed although the mail is; empty where there is no reason.

    A document stays a document under a wrong label: only the bytes of a PDF or a picture outweigh a declared type.
    """
    if seen.declared_type.startswith("message/") and seen.declared_type in LEFT_OUT_TYPES:
        return LEFT_OUT_TYPES[seen.declared_type]
    if seen.kind in taken() - TYPESET:
        return said("a small picture in the text (logo or signature)") if _is_logo(seen) else ""
    if seen.declared_type in LEFT_OUT_TYPES:
        return LEFT_OUT_TYPES[seen.declared_type]
    for suffix, reason in LEFT_OUT_SUFFIXES.items():
        if name.endswith(suffix):
            return reason
    if seen.kind in LEFT_OUT_KINDS and seen.name:
        return LEFT_OUT_KINDS[seen.kind]
    if EXCHANGE_FRAGMENT.fullmatch(seen.name):
        return said("text of the mail")
    return ""


def _is_logo(seen: Seen) -> bool:
    if not seen.kind.startswith("image/") or not is_inline(seen):
        return False
    return seen.bytes < LOGO_BYTES if seen.pixels is None else seen.pixels < LOGO_AREA


def _belongs_to_html(seen: Seen) -> bool:
    """Whether the HTML of the mail shows the picture (RFC 2387, RFC 2392). No HTML shows a TIFF: that is a scan."""
    referred_to = seen.in_related and bool(seen.content_id) and seen.disposition != "attachment"
    return referred_to and seen.kind.startswith("image/") and seen.kind is not Kind.TIFF


def _is_body(seen: Seen) -> bool:
    if seen.kind not in BODY_KINDS or not seen.declared_type.startswith("text/"):
        return False
    if seen.in_alternative:
        return True
    if seen.disposition == "attachment":
        return False
    if seen.declared_type == "text/html":
        return not seen.name or seen.disposition == "inline" or seen.opens
    # A name alone makes no attachment of the text with which a mail opens, if it says that it is shown in place.
    return not seen.name or (seen.opens and seen.disposition == "inline")


def _is_no_text(seen: Seen, name: str) -> bool:
    """Text is what is left when bytes tell nothing else, so that here a label counts: a scan is never text."""
    return seen.declared_type.startswith(NEVER_TEXT) or name.endswith(NEVER_TEXT_SUFFIXES)
