"""A PDF to the fax image, page after page: grey by pdfium, then black and white, then Group 4.

pdfium is not thread-safe: this belongs into a process of its own. A long document is done by several (`ranges`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]

from gateway.documents import refusals
from gateway.documents.bilevel import bilevel
from gateway.documents.drawing import drawn, size_of
from gateway.documents.fitting import BLANK_ROWS, MIN_ROWS, fit, sheet_for
from gateway.documents.group4 import group4
from gateway.documents.ranges import CodedPage, coded
from gateway.documents.raster import Bilevel
from gateway.documents.rendering import DEFAULT, Rendering, Resolution
from gateway.documents.tiff import FaxImageWriter


@dataclass(frozen=True, slots=True)
class Rendered:
    pages: int
    blank: int
    """Pages without a black pixel."""
    dropped: int = 0
    """Blank pages at the end that were left out, of those `pages`."""


def render(pdf: Path, image: Path, name: str = "", rendering: Rendering = DEFAULT) -> Rendered:
    """Write the fax image of `pdf`. Raises DocumentRefused; `name` names the document in its text."""
    with _opened(pdf, name) as document:
        total = len(document)

    def work(first: int, end: int) -> Iterator[CodedPage]:
        with _opened(pdf, name) as document:
            document.init_forms()
            for number in range(first, end):
                black = _page(document, number, name, rendering)
                yield CodedPage(group4(black), black.shape, not black.any())

    with coded(total, work, image.parent) as pages, image.open("w+b") as file:
        blank = [page.blank for page in pages]
        keep = _without_blank_end(blank) if rendering.drop_blank_end else total
        writer = FaxImageWriter(file, keep)
        for page in pages[:keep]:
            writer.add_coded(page.code(), page.shape, rendering.resolution.y_dpi)
    return Rendered(total, sum(blank), total - keep)


def _without_blank_end(blank: list[bool]) -> int:
    """How many pages are left; the first always is."""
    return max((number for number, empty in enumerate(blank, 1) if not empty), default=1)


def _opened(pdf: Path, name: str) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(pdf)
    except pdfium.PdfiumError as error:
        raise refusals.broken(name, error) from error


def _page(document: pdfium.PdfDocument, number: int, name: str, rendering: Rendering) -> Bilevel:
    try:
        page = document[number]
    except pdfium.PdfiumError as error:
        raise refusals.broken(name, f"page {number + 1}: {error}") from error
    size = size_of(page, name)
    sheet = sheet_for(*size)
    finer = 2 if rendering.resolution is Resolution.SUPERFINE else 1
    # Rows of the fax image in one of the fine resolution; halves would not come out even.
    scale = {Resolution.STANDARD: 0.5, Resolution.FINE: 1, Resolution.SUPERFINE: 2}[rendering.resolution]
    for room in (sheet.full, sheet.inked):
        page_drawn = drawn(page, size, sheet, room, finer)
        black = bilevel(page_drawn, rendering.look, rendering.resolution)
        if not black[int(sheet.inked * scale) :].any():
            break
    page.close()
    rows = min(sheet.rows, max(MIN_ROWS, fit(*size, room).height + BLANK_ROWS))
    return black[: int(rows * scale)]
