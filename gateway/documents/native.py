"""A TIFF that is a fax image already is taken over pixel by pixel: resampling could only blur it."""

from pathlib import Path

import numpy as np
from PIL import Image

from gateway.documents import pictures
from gateway.documents.check import MAX_ROWS
from gateway.documents.kinds import Kind
from gateway.documents.tiff import FINE_DPI, WIDTH, X_DPI, FaxImageWriter

_TOLERANCE = 0.015
"""Programs write 203, 204 or 204.2; 96, 98 or 97.79; 196 or 195.58; 391 or 392 dpi for 8 by 3.85, 7.7 or 15.4 lines to
the millimetre."""


def take_over(tiff: Path, image: Path, name: str, max_pages: int) -> int | None:
    """Write the fax image of `tiff`; its pages. None, and nothing written, unless every page is as a fax page is.

    Raises DocumentRefused.
    """
    with pictures.opened(tiff, Kind.TIFF, name) as source:
        numbers = pictures.page_numbers(source, name, max_pages)
        resolutions = [_resolution(source, number) for number in numbers]
        if None in resolutions:
            return None
        with image.open("w+b") as file:
            writer = FaxImageWriter(file, len(numbers))
            for number, y_dpi in zip(numbers, resolutions, strict=True):
                source.seek(number)
                writer.add(~np.asarray(source), y_dpi or FINE_DPI)
        return len(numbers)


def _resolution(source: Image.Image, number: int) -> int | None:
    """The page's lines per inch, if it is a fax page."""
    source.seek(number)
    if source.mode != "1" or source.width != WIDTH or source.getexif().get(0x0112, 1) != 1:
        return None
    match source.info.get("dpi"):
        case (x, y) if _near(float(x), X_DPI):
            for y_dpi in MAX_ROWS:
                if _near(float(y), y_dpi) and source.height <= MAX_ROWS[y_dpi]:
                    return y_dpi
    return None


def _near(dpi: float, nominal: int) -> bool:
    return abs(dpi - nominal) <= _TOLERANCE * nominal
