"""The header line on top of every page sent: when, from whom, from which number, and which page of how many. (The law
asks for it in places: 47 CFR 68.318(d).)

It is drawn when a call is made, as it tells the time, and put before each page's own code: nothing of the page is coded
anew. What the page says is what was prepared, bit for bit, 32 rows further down (fewer or more where its rows are
higher or lower than those of the fine resolution).
"""

import functools
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from gateway.documents.fitting import HEADER_ROWS
from gateway.documents.group4 import group4
from gateway.documents.raster import Bilevel
from gateway.documents.tiff import FINE_DPI, WIDTH, CodedPage, FaxImageWriter, coded_pages
from gateway.wording import plain

MARGIN = 48
"""Pixels left and right: 6 mm, as much as a receiver's printer may lose (T.4, 2.2 note)."""
TEXT_FROM = 370
"""Where the text begins: behind date and time."""
GAP = 40
BASE = 25
"""The row on which the letters stand."""
FONT_SIZE = 25

EOFB = np.unpackbits(np.frombuffer(b"\x00\x10\x01", dtype=np.uint8))
"""What ends a page (T.6, 2.2.5)."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderLine:
    text: str
    """Who sends; the fax shows no header line if it is empty."""
    station_id: str
    """From which number."""
    moment: datetime
    """In the zone in which it is shown."""


def sent_image(image: bytes, first: int, line: HeaderLine) -> bytes:
    """The fax image that a call sends: the pages of the document from `first` (from 1) on, each with its header line.
    Raises ValueError where there is no such page, or the image is none of ours."""
    pages = coded_pages(image)
    if not 1 <= first <= len(pages):
        raise ValueError(f"the fax image has no page {first}")
    file = BytesIO()
    writer = FaxImageWriter(file, len(pages) - first + 1)
    for number, page in enumerate(pages[first - 1 :], first):
        headed = _headed(page, line, f"{number}/{len(pages)}") if line.text else page
        writer.add_coded(headed.code, (headed.rows, WIDTH), headed.y_dpi)
    return file.getvalue()


def _headed(page: CodedPage, line: HeaderLine, number: str) -> CodedPage:
    strip = _scaled(drawn(line, number), page.y_dpi)
    code = np.unpackbits(np.frombuffer(group4(strip), dtype=np.uint8))
    last = np.flatnonzero(code)[-1]
    if not np.array_equal(code[last + 1 - len(EOFB) : last + 1], EOFB):
        raise ValueError("the header line has no end")
    # The strip's last row is white, and so is the one that is thought before the first of a page (T.6, 2.2.1): the
    # page's own code means the same behind it.
    whole = np.concatenate((code[: last + 1 - len(EOFB)], np.unpackbits(np.frombuffer(page.code, dtype=np.uint8))))
    return CodedPage(np.packbits(whole).tobytes(), len(strip) + page.rows, page.y_dpi)


def drawn(line: HeaderLine, number: str) -> Bilevel:
    """The header line in the rows of the fine resolution; its last row is white."""
    image = Image.new("L", (WIDTH, HEADER_ROWS), 255)
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    moment = line.moment
    when = f"{moment.day:02}-{_MONTHS[moment.month - 1]}-{moment.year} {moment:%H:%M}"
    end = WIDTH - MARGIN
    draw.text((MARGIN, BASE), when, font=_font(), fill=0, anchor="ls")
    draw.text((end, BASE), number, font=_font(), fill=0, anchor="rs")
    end -= round(_font().getlength(number)) + GAP
    station = plain(line.station_id)
    draw.text((end, BASE), station, font=_font(), fill=0, anchor="rs")
    end -= round(_font().getlength(station)) + GAP
    draw.text((TEXT_FROM, BASE), _shortened(plain(line.text), end - TEXT_FROM), font=_font(), fill=0, anchor="ls")
    black: npt.NDArray[np.bool_] = np.asarray(image) < 128
    black[-1] = False
    return black


def _shortened(text: str, width: int) -> str:
    while text and _font().getlength(text) > width:
        text = text[:-1]
    return text


def _scaled(strip: Bilevel, y_dpi: int) -> Bilevel:
    """As high on the paper in rows of another height."""
    if y_dpi > FINE_DPI:
        return strip.repeat(2, axis=0)
    if y_dpi < FINE_DPI:
        return strip[0::2] | strip[1::2]
    return strip


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own, which is there on every machine.
    return ImageFont.load_default(FONT_SIZE)
