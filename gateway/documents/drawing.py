"""A page of a PDF in grey, by pdfium, as it will lie on the fax page, and where its images are.

Memory is bounded by the size of a fax page, whatever the size of the document's.
"""

import ctypes
import math
from collections.abc import Iterator

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]

from gateway.documents import refusals
from gateway.documents.bilevel import Drawn
from gateway.documents.fitting import Fit, Sheet, fit
from gateway.documents.photographs import Frame
from gateway.documents.raster import BLOCK
from gateway.documents.tiff import WIDTH

MAX_POINTS = 100_000
"""A page's side. PDF readers stop at 14,400 (ISO 32000-1, annex C); beyond this it is an attack or a mistake."""
_MAX_OBJECTS = 5000
"""So many objects of a page are looked at for images."""


def size_of(page: pdfium.PdfPage, name: str) -> tuple[float, float]:
    """In points. Raises DocumentRefused."""
    width, height = page.get_size()
    if not (math.isfinite(width) and math.isfinite(height)) or min(width, height) <= 0:
        raise refusals.broken(name, f"page of {width} by {height} points")
    if max(width, height) > MAX_POINTS:
        raise refusals.too_large(name, "one of its pages is larger than any paper")
    return width, height


def drawn(page: pdfium.PdfPage, size: tuple[float, float], sheet: Sheet, room: int, finer: int) -> Drawn:
    """The page on `sheet`, fitted into `room` rows; `finer` times the rows of the fine resolution."""
    fitted = fit(*size, room)
    rows = -(-sheet.full // BLOCK) * BLOCK * finer
    bitmap = pdfium.PdfBitmap.new_native(WIDTH, rows, pdfium_c.FPDFBitmap_Gray)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, WIDTH, rows)
    place = ((WIDTH - fitted.width) // 2, 0, fitted.width, fitted.height * finer, _turn(page, fitted))
    flags = pdfium_c.FPDF_ANNOT | pdfium_c.FPDF_PRINTING | pdfium_c.FPDF_GRAYSCALE
    pdfium_c.FPDF_RenderPageBitmap(bitmap, page, *place, flags)
    if page.formenv:
        pdfium_c.FPDF_FFLDraw(page.formenv, bitmap, page, *place, flags)
    grey = np.asarray(bitmap.to_numpy()).reshape(rows, WIDTH)
    return Drawn(grey, tuple(_images(page, place, grey.shape)))


def _turn(page: pdfium.PdfPage, fitted: Fit) -> int:
    """In quarters to the right. What the document itself has turned is turned back, so that it is not upside down."""
    if not fitted.turned:
        return 0
    return 3 if page.get_rotation() in (90, 180) else 1


def _images(page: pdfium.PdfPage, place: tuple[int, int, int, int, int], shape: tuple[int, int]) -> Iterator[Frame]:
    """Where there are images, cut off at the edges of the fax page."""
    rows, columns = shape
    for number in range(min(pdfium_c.FPDFPage_CountObjects(page), _MAX_OBJECTS)):
        thing = pdfium_c.FPDFPage_GetObject(page, number)
        kind = pdfium_c.FPDFPageObj_GetType(thing)
        if kind == pdfium_c.FPDF_PAGEOBJ_FORM and not _holds_image(thing):
            continue
        if kind not in (pdfium_c.FPDF_PAGEOBJ_IMAGE, pdfium_c.FPDF_PAGEOBJ_FORM):
            continue
        sides = [ctypes.c_float() for _ in range(4)]
        if not pdfium_c.FPDFPageObj_GetBounds(thing, *sides):
            continue
        left, bottom, right, top = (side.value for side in sides)
        xs, ys = zip(*(_pixel(page, place, x, y) for x in (left, right) for y in (bottom, top)), strict=True)
        frame = max(0, min(ys)), min(rows, max(ys)), max(0, min(xs)), min(columns, max(xs))
        if frame[0] < frame[1] and frame[2] < frame[3]:
            yield frame


def _holds_image(form: object, depth: int = 0) -> bool:
    count = pdfium_c.FPDFFormObj_CountObjects(form)
    for number in range(min(max(count, 0), 200)):
        thing = pdfium_c.FPDFFormObj_GetObject(form, number)
        kind = pdfium_c.FPDFPageObj_GetType(thing)
        if kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
            return True
        if kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < 3 and _holds_image(thing, depth + 1):
            return True
    return False


def _pixel(page: pdfium.PdfPage, place: tuple[int, int, int, int, int], x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDF_PageToDevice(page, *place, x, y, across, down)
    return across.value, down.value
