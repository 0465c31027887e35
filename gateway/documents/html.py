"""HTML to PDF: the text of mails, and web pages that were saved as a file.

WeasyPrint sets it. Nothing is fetched: a picture is seen if it is in the document itself (`data:`) or a part of the
same mail (`cid:`, RFC 2392); of any other its alternative text. Scripts are not known here. What is wider than the
paper, or higher and in one piece, makes the page larger, in the same proportions, so that it is reduced and not cut
off; what would scroll in a browser is unrolled. What does not fit even so refuses the document.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gateway.documents import pictures, refusals, text
from gateway.documents.extent import extent, letters
from gateway.documents.kinds import PICTURES, kind_of
from gateway.documents.paper import Paper
from gateway.documents.pictures import Picture
from gateway.errors import DocumentRefused

MAX_BYTES = 20_000_000
"""Of the document, with the pictures in it."""
MAX_LETTERS = 400_000
MAX_ELEMENTS = 10_000
MAX_CELLS = 5_000
"""Of tables. Setting 5,000 takes about 7 s, 40,000 half a minute."""
WIDEST = 3.0
"""How many times as wide as the paper a page may become."""
MARGIN = 45.35
"""12 mm in pixels of CSS, of which an inch has 96."""
_POINT = 96 / 72
_MOST_FRAMES = 500

_CSS = """
@page { size: %.2fpx %.2fpx !important; margin: 12mm !important }
html { font: 11pt/1.3 "DejaVu Sans", sans-serif; color: black }
body { margin: 0; overflow-wrap: break-word }
img, svg { max-width: 100%% }
pre { white-space: pre-wrap }
"""
_UNROLLED = """
:not(img):not(svg):not(svg *):not(hr):not(object):not(input) {
  height: auto !important; max-height: none !important; overflow: visible !important }
"""
"""Elements as high as what is in them: paper does not scroll, and what is set as one high box has no second page."""
ROUNDS = 3
"""How often it may be set: as it is, unrolled, and on a larger sheet."""
_ENDLESS = 1e6
"""Pixels."""
_BLOCKS = re.compile("height|absolute|fixed|inline-|flex|grid|avoid", re.IGNORECASE)
"""What can make a block that is not continued on a next page."""
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_DATA_URL = re.compile(r"data:[^\"')\s>]*")
_NOT_SHOWN = re.compile(r"<!--.*?(?:-->|\Z)|<(style|script|title|head)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z!/][^>]*(?:>|\Z)")
_ELEMENT = re.compile(r"<[A-Za-z]")
_CELL = re.compile(r"<t[dh]\b", re.IGNORECASE)
_SHOWS = re.compile(r"<(?:img|svg|hr|object)\b", re.IGNORECASE)


def decoded(data: bytes) -> str:
    """The document as text: by its byte order mark, by what it says, else as plain text is."""
    if not data.startswith(tuple(bom for bom, _ in text.BOMS)) and (said := _META_CHARSET.search(data[:4096])):
        try:
            return data.decode(said[1].decode())
        except (LookupError, ValueError):
            pass
    return text.decoded(data)


def checked(data: bytes, name: str) -> str:
    """The document as text, if it can be set within our limits. Raises DocumentRefused."""
    if len(data) > MAX_BYTES:
        raise refusals.too_large(name, f"HTML of more than {MAX_BYTES // 1_000_000} MB")
    document = decoded(data)
    bare = _DATA_URL.sub("", document)
    for pattern, most, what in ((_ELEMENT, MAX_ELEMENTS, "elements"), (_CELL, MAX_CELLS, "cells in tables")):
        if sum(1 for _ in pattern.finditer(bare)) > most:
            raise refusals.too_large(name, f"more than {most:,} {what}")
    if len(_letters(bare)) > MAX_LETTERS:
        raise refusals.too_large(name, f"more than {MAX_LETTERS:,} letters")
    if not shows(bare):
        raise refusals.empty(name)
    return document


def shows(document: str) -> bool:
    """Whether there is anything to be seen."""
    return bool(_letters(document).strip() or _SHOWS.search(document))


def _letters(document: str) -> str:
    """The letters of a document, about."""
    return _TAG.sub("", _NOT_SHOWN.sub("", document)).replace("&nbsp;", " ")


def write_pdf(
    document: str, name: str, pdf: Path, paper: Paper, max_pages: int, parts: Mapping[str, bytes] | None = None
) -> None:
    """`document` has passed `checked`; `parts` are those of its mail, by Content-ID. Raises DocumentRefused."""
    weasyprint = text.weasyprint()
    fetcher = _fetcher(name, parts or {})
    width, height = paper.width * _POINT, paper.height * _POINT
    page = weasyprint.HTML(string=document, url_fetcher=fetcher)

    def rendered(width: float, height: float, more: str = "") -> Any:
        try:
            made = page.render(stylesheets=[weasyprint.CSS(string=_CSS % (width, height) + more)])
        except RecursionError as error:
            raise refusals.too_large(name, "its parts are nested too deep") from error
        if fetcher.refusal is not None:
            raise fetcher.refusal
        return made

    # What is set as one block ends where its sheet ends, and WeasyPrint drops the rest of it. So the letters are
    # counted on a sheet without an end, if there can be such a block.
    endless = rendered(width, _ENDLESS).pages if _BLOCKS.search(document) else ()
    whole, end, more = letters(endless), max((extent(one).bottom for one in endless), default=0.0), ""
    for _ in range(ROUNDS):
        made = rendered(width, height, more)
        if len(made.pages) > max_pages:
            raise refusals.too_long(name, max_pages)
        extents = [extent(page) for page in made.pages]
        right, bottom = max(one.right for one in extents), max(one.bottom for one in extents)
        lost = bool(whole and whole - letters(made.pages))
        if not more and (lost or any(one.scrolled for one in extents)):
            more = _UNROLLED
            continue
        lowest = max(bottom, end + 2 * MARGIN) if lost else bottom  # and lines that stay together
        factor = max((right + MARGIN) / width, (lowest + MARGIN) / height if lowest > height else 0)
        factor = min(factor, WIDEST * paper.width * _POINT / width)
        if factor <= 1.01:
            break
        width, height = width * factor, height * factor
    if lost or right > width or bottom > height:
        raise refusals.too_large(name, "a part of it does not fit on the paper")
    made.write_pdf(pdf)


def _fetcher(name: str, parts: Mapping[str, bytes]) -> Any:
    from weasyprint.urls import URLFetcher, URLFetcherResponse  # type: ignore[import-untyped]

    class OfTheMail(URLFetcher):  # type: ignore[misc]
        """Gives out what came with the document and nothing else. Pictures are made as simple as a fax needs them."""

        refusal: DocumentRefused | None = None
        """WeasyPrint goes on without a picture that cannot be opened, and we do not."""

        def __init__(self) -> None:
            super().__init__(allowed_protocols={"data"})
            self._known: dict[str, tuple[bytes, dict[str, str]]] = {}

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
            if url not in self._known:
                self._known[url] = self._fetched(url, headers)
            return URLFetcherResponse(url, *self._known[url])

        def _fetched(self, url: str, headers: Mapping[str, str] | None) -> tuple[bytes, dict[str, str]]:
            if url[:4].lower() == "cid:":
                content = parts.get(unquote(url[4:]))
                if content is None:
                    raise ValueError(f"no part {url}")
                declared = {}
            else:
                given = super().fetch(url, headers)  # only `data:`
                content, declared = given.read(), {"Content-Type": given.content_type}
            kind = kind_of(content)
            if kind in PICTURES:
                try:
                    content = _simple(next(pictures.pictures(content, kind, name, _MOST_FRAMES)))
                except DocumentRefused as error:
                    self.refusal = self.refusal or error
                    raise
                return content, {}
            return content, declared

    return OfTheMail()


def _simple(picture: Picture) -> bytes:
    image, file = picture.image, BytesIO()
    if picture.aspect != 1:
        image = image.resize((image.width, max(1, round(image.height * picture.aspect))))
    if picture.lossy:
        image.save(file, "JPEG", quality=92, exif=b"", icc_profile=None)
    else:
        image.save(file, "PNG", exif=b"", icc_profile=None)
    return file.getvalue()
