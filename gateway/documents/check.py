"""Is a fax image one that a line can send, whole? Asked before it is queued.

A fax program finds a wrong page only when it comes to it, after the pages before it have gone; or it sends what it
could read and reports success. So every page is read by libspandsp, as in a call, and must be coded into the very bits
that are in the file. Where the library is not installed, libtiff decodes the pages, and `is_read_by_spandsp` says so.
"""

from itertools import zip_longest
from pathlib import Path

from PIL import Image, TiffImagePlugin

from gateway.documents.fitting import LEGAL_ROWS
from gateway.documents.pictures import UNREADABLE
from gateway.documents.tiff import FINE_DPI, STANDARD_DPI, SUPERFINE_DPI, WIDTH, X_DPI
from gateway.errors import DocumentRefused
from gateway.languages import said
from gateway.lines.spandsp import SpandspMissingError, load
from gateway.lines.t4 import SentPage, sent_pages

MAX_ROWS = {STANDARD_DPI: LEGAL_ROWS // 2, FINE_DPI: LEGAL_ROWS, SUPERFINE_DPI: LEGAL_ROWS * 2}
"""By the lines per inch, which are 3.85, 7.7 and 15.4 to the millimetre."""
GROUP_4 = 4
_PER_METRE = {STANDARD_DPI: 3850, FINE_DPI: 7700, SUPERFINE_DPI: 15400}
"""Rows, as T.30 counts them."""
_ACROSS = 8031


def check(image: Path, pages: int) -> None:
    """Raises DocumentRefused unless `image` has exactly `pages` pages, each legal and such as libspandsp sends it."""
    try:
        with Image.open(image, formats=["TIFF"]) as tiff:
            assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
            if tiff.n_frames != pages:
                raise _illegal(f"{tiff.n_frames} pages instead of {pages}")
            for number in range(pages):
                tiff.seek(number)
                if wrong := _wrong(tiff):
                    raise _illegal(f"page {number + 1}: {wrong}")
            if is_read_by_spandsp():
                _read_by_spandsp(image, tiff, pages)
            else:
                for number in range(pages):
                    tiff.seek(number)
                    tiff.load()
    except UNREADABLE as error:
        raise _illegal(repr(error)) from error


def is_read_by_spandsp() -> bool:
    """Whether the library is here to read pages as in a call."""
    try:
        load()
    except SpandspMissingError:
        return False
    return True


def _read_by_spandsp(image: Path, tiff: TiffImagePlugin.TiffImageFile, pages: int) -> None:
    with image.open("rb") as file:
        for number, sent in zip_longest(range(pages), sent_pages(str(image))):
            if sent is None or number is None or sent.pages != pages:
                raise _illegal(f"page {(number or 0) + 1}: libspandsp cannot read it")
            tiff.seek(number)
            file.seek(tiff.tag_v2[TiffImagePlugin.STRIPOFFSETS][0])
            code = file.read(tiff.tag_v2[TiffImagePlugin.STRIPBYTECOUNTS][0])
            if wrong := _differs(sent, code, int(tiff.tag_v2[TiffImagePlugin.Y_RESOLUTION])):
                raise _illegal(f"page {number + 1}: libspandsp {wrong}")


def _differs(sent: SentPage, code: bytes, y_dpi: int) -> str:
    """What would be sent otherwise than it is meant; empty where nothing."""
    if (sent.width, sent.x_resolution, sent.y_resolution) != (WIDTH, _ACROSS, _PER_METRE[y_dpi]):
        return f"reads {sent.width} pixels at {sent.x_resolution} by {sent.y_resolution} to the metre"
    return "" if sent.code == code else "sends other pixels"


def _wrong(page: TiffImagePlugin.TiffImageFile) -> str:
    """What is wrong with a page; empty where nothing is."""
    tags = page.tag_v2
    compression, photometric = (
        tags.get(TiffImagePlugin.COMPRESSION),
        tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION),
    )
    x_dpi, y_dpi = (float(tags.get(tag, 0)) for tag in (TiffImagePlugin.X_RESOLUTION, TiffImagePlugin.Y_RESOLUTION))
    if (compression, photometric, page.mode) != (GROUP_4, 0, "1"):
        return f"compression {compression}, photometric {photometric}, mode {page.mode}"
    if tags.get(TiffImagePlugin.RESOLUTION_UNIT) != 2 or x_dpi != X_DPI or y_dpi not in MAX_ROWS:
        return f"resolution {x_dpi:g} by {y_dpi:g}"
    if page.width != WIDTH or not 0 < page.height <= MAX_ROWS[int(y_dpi)]:
        return f"{page.width} by {page.height} pixels"
    if len(tags[TiffImagePlugin.STRIPOFFSETS]) != 1:
        return "several strips"
    return ""


def _illegal(detail: str) -> DocumentRefused:
    return DocumentRefused(said("The document could not be made into pages that can be faxed."), detail=detail)
