"""A mail as the gateway sees it: which of its parts are faxed, which are not and why, and how it is known again.

`read` opens hostile input and runs in a worker process (`gateway.sandbox`); what it returns can be pickled. It fails
by answer: whatever is wrong with the mail is `Message.refusal`, with the parts found so far. An exception is a fault
of ours.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email.message import Message as Header
from pathlib import Path

from gateway.bounces import Bounce
from gateway.documents import mail, mime
from gateway.documents.installed import taken
from gateway.documents.kinds import SUFFIXES, TYPESET, Kind
from gateway.documents.parts import (
    BODY_KINDS,
    TEXT_OF_THE_MAIL,
    Body,
    Fax,
    FaxAlone,
    LeaveOut,
    Refuse,
    Seen,
    decide,
    in_utf8,
    kind_in_mail,
    see,
)
from gateway.errors import DocumentRefused, FaxgateError, MailLoop, NoDocument, OurTrouble
from gateway.hops import check_hops
from gateway.options import is_field, without_secrets, written
from smtp import bounces, canonical, claims

Content = bytes | Path
FAXED = "faxed"
LEFT_OUT = "left out"
REFUSED = "refused"

MAX_FIELD = 998
"""Characters of a header field that are kept (RFC 5322 2.1.1)."""
MAX_TEXT = 20_000
"""Characters of its text that are kept."""
SIGNATURE = re.compile("^-- ?$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a mail is read."""

    faxed: bool = True
    """False for a mail to the operator alone: its parts are nobody's business, only its header is read."""
    bounce_of: str | None = None
    """Set where it has come to a bounce address: its envelope sender."""
    mail_options: frozenset[str] = frozenset()
    """Which options of a fax may stand in it (`gateway.options`)."""
    body_as_page: bool = False
    """Fax the text of a mail that has no document."""
    inspect: bool = True
    """Open the documents and count their pages."""
    max_pages: int = 500
    spool: Path | None = None
    """A directory for the documents of a large mail, which are then paths in it. In memory if None."""
    signed: frozenset[str] | None = None
    """Names of the header fields whose options count, lower case; None for all. Whoever has a signed mail can add
    fields to it."""

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
    identity: str = ""
    """What makes the same mail the same again; empty where nothing does, and then no mail repeats it."""
    parts: tuple[Part, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    """Options of its fax, as they are written; the subject is without them."""
    ignored: tuple[str, ...] = ()
    """Names of options that are not allowed."""
    text: str = ""
    """What is written beside the documents, without the signature; empty where the text is itself a page."""
    bounce: Bounce | None = None
    """What it says, where it has come to a bounce address."""
    refusal: FaxgateError | None = None


def read(content: Content, options: Options) -> Message:
    """Read a mail, given whole or as a file."""
    octets = _octets(content, bounces.MOST_OCTETS if options.bounce_of is not None else None)
    try:
        header, body = mime.split_header(octets)
    except DocumentRefused as error:
        return Message(refusal=error)
    message = Message(
        subject=_field(header, "Subject"),
        message_id=_field(header, "Message-ID"),
        date=_field(header, "Date"),
    )
    message = replace(message, identity=_identity(message, octets, header, body, options.signed))
    if options.bounce_of is not None:
        return replace(message, bounce=bounces.read(octets, header, body, null_sender=not options.bounce_of))
    if not options.faxed:
        return message
    try:
        _refuse_loop(header)
        message = _with_options(message, header, options.mail_options, options.signed)
    except FaxgateError as error:
        return replace(message, subject=without_secrets(message.subject), refusal=error)
    reader = _Reader(options, message.options.get("password", ""))
    try:
        reader.take(mime.leaves(octets, header, body))
    except FaxgateError as error:
        reader.refusal = reader.refusal or error
    if reader.refusal:
        return replace(message, parts=_none_faxed(reader.parts), refusal=reader.refusal)
    return replace(message, parts=tuple(reader.parts), text=reader.text)


def _identity(message: Message, octets: bytes, header: Header, body: int, signed: frozenset[str] | None) -> str:
    """Message-ID, Date where it has none, and SHA-256 of what is behind the header. Of a mail that its signature alone
    proves: as far as they are signed, and as the signature covers them, since whoever has it can change all else, and
    would have it faxed again and again."""
    if signed is None:
        named = message.message_id or message.date
        return f"{named} {hashlib.sha256(memoryview(octets)[body:]).hexdigest()}" if named else ""
    covered = (_covered(header, name) for name in ("Message-ID", "Date") if name.lower() in signed)
    digest = hashlib.sha256(canonical.relaxed(octets[claims.body_of(octets) :])).hexdigest()
    return f"{next(filter(None, covered), '')} {digest}"


def _covered(header: Header, name: str) -> str:
    """The last of the fields of this name is the one that is signed (RFC 6376 5.4.2), but for its white space."""
    values = header.get_all(name, [])
    last = str(values[-1]) if values else ""
    return " ".join(mime.readable(last).split())[:MAX_FIELD]


def _octets(content: Content, most: int | None) -> bytes:
    """Its octets, or the first of them."""
    if isinstance(content, Path):
        with content.open("rb") as file:
            return file.read(-1 if most is None else most)
    return content[:most]


def _refuse_loop(header: Header) -> None:
    """A receipt, a vacation notice or an alarm that is faxed answers a machine, and may bring the next one (RFC 3834,
    2). Where servers on the way do not say so, a loop shows by its length (RFC 5321 6.3). Raises MailLoop."""
    said = _field(header, "Auto-Submitted").partition(";")[0].partition("(")[0].strip().lower()
    if said and said != "no":
        raise MailLoop(f"A mail that a program has sent by itself (Auto-Submitted: {said[:40]}) is not faxed.")
    check_hops(header)


def _with_options(message: Message, header: Header, allowed: frozenset[str], signed: frozenset[str] | None) -> Message:
    """Raises BadField."""
    named = dict.fromkeys(name for name in header.keys() if is_field(name))  # noqa: SIM118  # no mapping
    if signed is not None:
        # Of a field that is there twice only one is signed.
        named = {name: None for name in named if name.lower() in signed and len(header.get_all(name, ())) == 1}
        if "subject" not in signed or len(header.get_all("Subject", ())) > 1:
            allowed = frozenset()
    found = written(message.subject, {name: _field(header, name) for name in named}, allowed)
    return replace(message, subject=found.subject, options=found.options, ignored=found.ignored)


def _field(header: Header, name: str) -> str:
    return mime.readable(mime.text_of(header, name))[:MAX_FIELD]


def _none_faxed(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(
        replace(part, outcome=LEFT_OUT, reason="the mail was refused", content=b"") if part.outcome == FAXED else part
        for part in parts
    )


class _Reader:
    """Goes through the leaves and keeps what becomes of them."""

    def __init__(self, options: Options, password: str) -> None:
        self.parts: list[Part] = []
        self.refusal: FaxgateError | None = None
        self._options = options
        self._password = password
        self._plain: list[str] = []
        self._written: list[mail.Written] = []
        self._by_id: dict[str, tuple[str, bytes]] = {}
        """Name and content of what HTML may show, by Content-ID."""
        self._named_texts: list[Part] = []
        self._shown: list[tuple[int, Kind, bytes]] = []
        """Pictures that are the document if there is no other, and their places among the parts."""
        self._opened = False
        self._text_is_page = False

    @property
    def text(self) -> str:
        """The written text, up to its signature (RFC 3676 4.3), unless it is faxed as a page."""
        if self._text_is_page:
            return ""
        written = "\n\n".join(self._plain).replace("\r\n", "\n")
        return SIGNATURE.split(written, maxsplit=1)[0].strip()[:MAX_TEXT]

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
        text_is_page = self._options.body_as_page and self._take_html()
        for place, kind, content in self._shown:
            place += text_is_page
            self.parts[place] = self._faxed(self.parts[place].name, kind, content, place)
        if text_is_page:
            return
        text = "\n\n".join(self._plain).strip()
        if self._options.body_as_page and text:
            self._insert_text(text.encode(), Kind.TEXT)
            return
        self.parts += self._named_texts
        if not self._shown:
            raise NoDocument("The mail has no document to fax; attach a PDF, a picture or a text file.")

    def _take(self, leaf: mime.Leaf, content: bytes, *, decoded: bool = True) -> None:
        kind = kind_in_mail(content, leaf.name, leaf.declared_type)
        is_text = kind in BODY_KINDS and leaf.declared_type.startswith("text/") and leaf.disposition != "attachment"
        opens, self._opened = is_text and not self._opened, self._opened or is_text
        seen = see(leaf, content, kind, len(self.parts), opens=opens, decoded=decoded)
        shown = leaf.declared_type if kind is Kind.UNKNOWN else kind.value
        if leaf.content_id:
            self._by_id[leaf.content_id] = (seen.called, content)
        match decide(seen):
            case Body():
                if leaf.declared_type in ("text/plain", "text/html"):
                    self._keep_text(leaf, content, in_alternative=seen.in_alternative)
                if leaf.name and not seen.in_alternative:
                    self._named_texts.append(_left_out(seen, leaf.declared_type, TEXT_OF_THE_MAIL))
            case Fax():
                document = in_utf8(content, kind, leaf.charset) if kind in TYPESET else content
                self.parts.append(self._faxed(seen.called, kind, document, len(self.parts)))
            case FaxAlone(reason):
                self._shown.append((len(self.parts), kind, content))
                self.parts.append(_left_out(seen, shown, reason))
            case LeaveOut(reason):
                self.parts.append(_left_out(seen, shown, reason))
            case Refuse(text):
                self.parts.append(self._refused(seen.called, shown, len(content), DocumentRefused(text)))

    def _keep_text(self, leaf: mime.Leaf, content: bytes, *, in_alternative: bool) -> None:
        is_html = leaf.declared_type == "text/html"
        text = mime.decode_text(content, leaf.charset)
        self._written.append(mail.Written(text, is_html, in_alternative))
        if not is_html:
            self._plain.append(text)

    def _take_html(self) -> bool:
        """The text is a page as its HTML shows it, with its pictures; False where it has none that can be faxed."""
        if Kind.HTML not in taken() or not any(one.is_html for one in self._written):
            return False
        page = mail.page(self._written)
        shown = {one: self._by_id[one] for one in mail.referred_to(page) & self._by_id.keys()}
        if not page:
            return False
        # What is seen in the text is no attachment, and no page of its own.
        names = {name for name, _ in shown.values()}
        left = [place for place, part in enumerate(self.parts) if not (part.name in names and part.outcome == LEFT_OUT)]
        self._shown = [(left.index(place), kind, content) for place, kind, content in self._shown if place in left]
        self.parts = [self.parts[place] for place in left]
        if shown:
            document, kind = mail.packed(page, {one: content for one, (_, content) in shown.items()}), Kind.MAIL
        else:
            document, kind = b"\xef\xbb\xbf" + page.encode(), Kind.HTML
        self._insert_text(document, kind)
        return True

    def _insert_text(self, document: bytes, kind: Kind) -> None:
        self._text_is_page = True
        self.parts.insert(0, self._faxed(f"message{SUFFIXES[kind]}", kind, document, len(self.parts)))

    def _faxed(self, name: str, kind: Kind, content: bytes, place: int) -> Part:
        pages = None
        try:
            if self._password and kind is Kind.PDF:
                content = _unlocked(content, name, self._password)
            if self._options.inspect:
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


def _unlocked(content: bytes, name: str, password: str) -> bytes:
    from gateway.documents.unlock import unlocked

    return unlocked(content, name, password)
