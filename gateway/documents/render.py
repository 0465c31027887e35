"""A PDF to the fax image, page after page: grey by pdfium, then black and white, then Group 4.

Memory is bounded by the size of a fax page, whatever the size of the document's. pdfium is not thread-safe: this
belongs into a process of its own.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]
from numpy.typing import NDArray

from gateway.documents import refusals
from gateway.documents.bilevel import bilevel
from gateway.documents.tiff import FINE_DPI, WIDTH, X_DPI, FaxImageWriter

ROWS = 2255
"""Rows of an A4 page (T.4: 2292) less the header line that the sender prints above it."""
BLANK_ROWS = 32
"""White rows at the end of every page: with a header of as many, spandsp 3 loses them when it sends T.85."""
MIN_ROWS = 256
MAX_POINTS = 100_000
"""A page's side. PDF readers stop at 14,400 (ISO 32000-1, annex C); beyond this it is an attack or a mistake."""


@dataclass(frozen=True, slots=True)
class Rendered:
    pages: int
    blank: int
    """Pages without a black pixel."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a page lies on the fax page: pixels across and down."""

    width: int
    height: int
    turned: bool
    """By a quarter to the right."""


def fit(width: float, height: float) -> Fit:
    """Fit a page of `width` by `height` points: in proportion, as large as it goes, turned only where that shows it
    larger than it would otherwise be and it is not shown in full size anyway."""
    upright, turned = _scale(width, height), _scale(height, width)
    turn = turned > upright and upright < 1
    if turn:
        width, height = height, width
    scale = turned if turn else upright
    return Fit(
        width=max(1, min(WIDTH, round(width / 72 * X_DPI * scale))),
        height=max(1, min(ROWS - BLANK_ROWS, round(height / 72 * FINE_DPI * scale))),
        turned=turn,
    )


def _scale(width: float, height: float) -> float:
    return min(WIDTH / (width / 72 * X_DPI), (ROWS - BLANK_ROWS) / (height / 72 * FINE_DPI))


def render(pdf: Path, image: Path, name: str = "") -> Rendered:
    """Write the fax image of `pdf`. Raises DocumentRefused; `name` names the document in its text."""
    blank = 0
    try:
        document = pdfium.PdfDocument(pdf)
    except pdfium.PdfiumError as error:
        raise refusals.broken(name, error) from error
    with document, image.open("w+b") as file:
        document.init_forms()
        total = len(document)
        writer = FaxImageWriter(file, total)
        for number in range(total):
            try:
                page = document[number]
            except pdfium.PdfiumError as error:
                raise refusals.broken(name, f"page {number + 1}: {error}") from error
            black = bilevel(_grey(page, name))
            page.close()
            blank += not black.any()
            writer.add(black)
    return Rendered(total, blank)


def _grey(page: pdfium.PdfPage, name: str) -> NDArray[np.uint8]:
    width, height = page.get_size()
    if not (math.isfinite(width) and math.isfinite(height)) or min(width, height) <= 0:
        raise refusals.broken(name, f"page of {width} by {height} points")
    if max(width, height) > MAX_POINTS:
        raise refusals.too_large(name, "one of its pages is larger than any paper")
    fitted = fit(width, height)
    rows = max(MIN_ROWS, fitted.height + BLANK_ROWS)
    bitmap = pdfium.PdfBitmap.new_native(WIDTH, rows, pdfium_c.FPDFBitmap_Gray)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, WIDTH, rows)
    left = (WIDTH - fitted.width) // 2
    place = (bitmap, page, left, 0, fitted.width, fitted.height, int(fitted.turned))
    flags = pdfium_c.FPDF_ANNOT | pdfium_c.FPDF_PRINTING | pdfium_c.FPDF_GRAYSCALE
    pdfium_c.FPDF_RenderPageBitmap(*place, flags)
    if page.formenv:
        pdfium_c.FPDF_FFLDraw(page.formenv, *place, flags)
    return np.asarray(bitmap.to_numpy()).reshape(rows, WIDTH)
