"""The fax image: a TIFF of Group 4 pages, written page after page.

Every page is one strip, white is 0, most significant bit first, with its number and the total: what spandsp and every
other fax program read without asking. Our own writer, because image libraries choose strips and polarity themselves,
know no total while they write, and hold all pages in memory.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from gateway.documents.group4 import group4
from gateway.documents.raster import Bilevel

WIDTH = 1728
"""Pixels of a line of 215 mm (T.4, 4.1)."""
X_DPI = 204
FINE_DPI = 196
STANDARD_DPI = 98
SUPERFINE_DPI = 391

MOST_PAGES = 10_000

_SHORT, _LONG, _RATIONAL = 3, 4, 5
_ENTRIES = 15
_DIRECTORY = 2 + 12 * _ENTRIES + 4


class FaxImageWriter:
    """Writes pages into `file`, a new binary file that can seek. `total` is how many will come."""

    def __init__(self, file: BinaryIO, total: int) -> None:
        self._file = file
        self._total = total
        self._number = 0
        self._link = 4  # where the offset of the next directory goes
        file.write(struct.pack("<2sHL", b"II", 42, 0))

    def add(self, black: Bilevel, y_dpi: int = FINE_DPI) -> None:
        self.add_coded(group4(black), black.shape, y_dpi)

    def add_coded(self, strip: bytes, shape: tuple[int, int], y_dpi: int) -> None:
        """A page whose T.6 code is `strip`, of `shape` rows by columns."""
        rows, columns = shape
        start = self._file.seek(0, 2)
        if start % 2:  # directories begin on a word boundary (TIFF 6.0, section 2)
            start += self._file.write(b"\0")
        resolutions = start + _DIRECTORY
        data = resolutions + 16
        directory = struct.pack("<H", _ENTRIES)
        for tag, form, value in (
            (254, _LONG, 2),  # NewSubfileType: a page of several
            (256, _LONG, columns),
            (257, _LONG, rows),
            (258, _SHORT, 1),  # BitsPerSample
            (259, _SHORT, 4),  # Compression: T.6
            (262, _SHORT, 0),  # Photometric: white is zero
            (266, _SHORT, 1),  # FillOrder: most significant bit first
            (273, _LONG, data),  # StripOffsets
            (277, _SHORT, 1),  # SamplesPerPixel
            (278, _LONG, rows),  # RowsPerStrip: all
            (279, _LONG, len(strip)),
            (282, _RATIONAL, resolutions),
            (283, _RATIONAL, resolutions + 8),
            (296, _SHORT, 2),  # ResolutionUnit: inch
            (297, _SHORT, self._number | self._total << 16),  # PageNumber, total: two shorts
        ):
            count = 2 if tag == 297 else 1
            directory += struct.pack("<HHLL", tag, form, count, value)
        directory += struct.pack("<L", 0)
        self._file.write(directory + struct.pack("<4L", X_DPI, 1, y_dpi, 1) + strip)
        self._file.seek(self._link)
        self._file.write(struct.pack("<L", start))
        self._link = start + _DIRECTORY - 4
        self._number += 1


@dataclass(frozen=True, slots=True)
class CodedPage:
    """A page as it lies in a fax image."""

    code: bytes
    """T.6, most significant bit first."""
    rows: int
    y_dpi: int


def coded_pages(image: bytes) -> list[CodedPage]:
    """The pages of a fax image that `FaxImageWriter` has written. Raises ValueError where it is none, or cut short."""
    if image[:4] != b"II*\0":
        raise ValueError("this is no fax image of ours")
    pages: list[CodedPage] = []
    try:
        (directory,) = struct.unpack_from("<L", image, 4)
        while directory:
            (entries,) = struct.unpack_from("<H", image, directory)
            tags = {}
            for entry in range(entries):
                tag, _, _, value = struct.unpack_from("<HHLL", image, directory + 2 + 12 * entry)
                tags[tag] = value
            (y_dpi,) = struct.unpack_from("<L", image, tags[283])
            code = image[tags[273] : tags[273] + tags[279]]
            if len(code) != tags[279] or len(pages) > MOST_PAGES:
                raise ValueError("the fax image is cut short, or turns in a circle")
            pages.append(CodedPage(code, tags[257], y_dpi))
            (directory,) = struct.unpack_from("<L", image, directory + 2 + 12 * entries)
    except (struct.error, KeyError) as error:
        raise ValueError("the fax image is cut short") from error
    if not pages:
        raise ValueError("the fax image has no page")
    return pages
