"""The fax image: a TIFF of Group 4 pages, written page after page.

Every page is one strip, white is 0, most significant bit first, with its number and the total: what spandsp and every
other fax program read without asking. Our own writer, because image libraries choose strips and polarity themselves,
know no total while they write, and hold all pages in memory.
"""

import struct
from typing import BinaryIO

from gateway.documents.group4 import group4
from gateway.documents.raster import Bilevel

WIDTH = 1728
"""Pixels of a line of 215 mm (T.4, 4.1)."""
X_DPI = 204
FINE_DPI = 196
STANDARD_DPI = 98
SUPERFINE_DPI = 391

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


def from_page(image: bytes, first: int) -> bytes:
    """A fax image without the pages before `first` (from 1). What `FaxImageWriter` has written stays where it is: the
    file only begins with a later page. Raises ValueError where there is no such page, or no such image."""
    if image[:4] != b"II*\0":
        raise ValueError("this is no fax image of ours")
    try:
        (directory,) = struct.unpack_from("<L", image, 4)
        for _ in range(first - 1):
            (entries,) = struct.unpack_from("<H", image, directory)
            (directory,) = struct.unpack_from("<L", image, directory + 2 + 12 * entries)
            if not directory:
                raise ValueError(f"the fax image has no page {first}")
    except struct.error as error:
        raise ValueError("the fax image is cut short") from error
    return image[:4] + struct.pack("<L", directory) + image[8:]
