"""The cover page: who faxes what to whom, from a template (HTML, Jinja2), put before the pages of a document.

How many pages there are can be said right only when the cover is set, for a long message makes it longer; so it is set
again until the number on it is the number of pages. Template and message are hostile: the template is an account's, the
message anybody's. So it is filled in a Jinja2 sandbox, nothing in it can fetch anything but what it holds itself
(`data:`), and all of it belongs into `gateway.sandbox`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pikepdf
from jinja2 import DictLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.documents.paper import A4, Paper
from gateway.errors import DocumentRefused
from gateway.languages import said

MAX_MESSAGE = 20_000
"""Characters of a message; what is longer is cut, and says so."""
MOST_PAGES = 10
"""Pages of a cover: more is no cover any more."""
ROUNDS = 5
"""How often it may be set until its number of pages is right."""
_CUT = "\n[...]"

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "fax": said("FAX"),
        "to": said("To"),
        "from": said("From"),
        "subject": said("Subject"),
        "date": said("Date"),
        "pages": said("Pages"),
        "including": said("with this cover"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What stands on it. Empty text is left out."""

    template: str
    """HTML for Jinja2: the fields below, `pages` and `paper`."""
    language: str = "en"
    """Of the words (BCP 47)."""
    words: Mapping[str, str] = field(default_factory=lambda: dict(WORDS))
    """What is printed before the fields, as `WORDS`."""
    to_name: str = ""
    to_number: str = ""
    from_name: str = ""
    from_number: str = ""
    subject: str = ""
    date: str = ""
    """As it is to be read, in the time zone of the faxbox."""
    message: str = ""
    confidentiality: str = ""
    logo: str = ""
    """A `data:` URL."""


def add_cover(cover: Cover, pdf: Path, paper: Paper = A4) -> int:
    """Put the cover before the pages of `pdf`; the number of its own pages. Raises DocumentRefused where the template
    cannot be used."""
    front = pdf.with_suffix(".cover.pdf")
    with pikepdf.open(pdf, allow_overwriting_input=True) as document:
        own = _settled(cover, len(document.pages), front, paper)
        with pikepdf.open(front) as written:
            for place, page in enumerate(written.pages):
                document.pages.insert(place, page)
            document.save(pdf, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    front.unlink()
    return own


def _settled(cover: Cover, following: int, front: Path, paper: Paper) -> int:
    """Write the cover so that the number on it is right; the pages that it has."""
    own = 1
    for _ in range(ROUNDS):
        before, own = own, _write(cover, following + own, front, paper)
        if own > MOST_PAGES:
            raise DocumentRefused(
                said("The cover page has more than {pages} pages: its message is too long.", pages=MOST_PAGES)
            )
        if own == before:
            return own
    raise _wrong("its length never settles")


def _write(cover: Cover, pages: int, out: Path, paper: Paper) -> int:
    """Set the cover with this number on it; the pages that it has."""
    from weasyprint import HTML  # type: ignore[import-untyped]
    from weasyprint.urls import URLFetcher  # type: ignore[import-untyped]

    html = filled(cover, pages, paper)
    document = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols={"data"})).render()
    document.write_pdf(out)
    return len(document.pages)


def filled(cover: Cover, pages: int, paper: Paper = A4) -> str:
    """The cover as HTML. Raises DocumentRefused naming what is wrong with the template."""
    message = cover.message.strip()
    if len(message) > MAX_MESSAGE:
        message = message[:MAX_MESSAGE] + _CUT
    environment = ImmutableSandboxedEnvironment(autoescape=True, undefined=StrictUndefined, loader=DictLoader({}))
    try:
        return environment.from_string(cover.template).render(
            to_name=cover.to_name,
            to_number=cover.to_number,
            from_name=cover.from_name,
            from_number=cover.from_number,
            subject=cover.subject,
            date=cover.date,
            message=message,
            confidentiality=cover.confidentiality,
            logo=cover.logo if cover.logo.startswith("data:image/") else "",
            pages=pages,
            paper=paper.name,
            words=cover.words,
            language=cover.language,
        )
    except Exception as error:  # whatever a template of an account raises, its template is what is wrong
        raise _wrong(repr(error)) from error


def _wrong(detail: str) -> DocumentRefused:
    return DocumentRefused(
        said("The cover page could not be made: its template is wrong. Please tell the administrator of this service."),
        detail=detail,
    )
