"""One page of a fax image as a PNG: the pixels as they are sent or came, or small and grey; in true proportions.

Pages have flat or narrow pixels (T.4, 2.1: 3.85 or 15.4 lines to the millimetre), and whoever shows a PNG takes them
for squares. So pixels are doubled here, and none is lost. Belongs into the sandbox.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, TiffImagePlugin

from gateway.documents.pictures import UNREADABLE
from gateway.documents.tiff import FINE_DPI, X_DPI
from gateway.errors import NotFound, OurTrouble

THUMBNAIL = 240
"""Pixels of its longer side."""
_GREYS = 16
"""As many as there are to be seen at that size; with more the PNG is three times as large."""
_MOST_REPEATED = 4
"""How often a pixel may be repeated, whatever an image from outside says of its resolution."""


@contextmanager
def opened(image: Path) -> Iterator[TiffImagePlugin.TiffImageFile]:
    """A fax image; raises OurTrouble where it, or the page that is read of it, is unreadable."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(image, formats=["TIFF"]) as tiff:
            assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
            yield tiff
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise OurTrouble("The fax image cannot be read.", detail=repr(error)) from error


def page_png(image: Path, number: int) -> bytes:
    """Page `number`, from 1, in black and white. Raises NotFound where there is no such page, OurTrouble where the
    image is unreadable."""
    with opened(image) as tiff:
        return png_of(tiff, number)


def png_of(tiff: TiffImagePlugin.TiffImageFile, number: int) -> bytes:
    _turn_to(tiff, number)
    x_dpi, y_dpi = _dpi(tiff)
    across, down = _repeated(y_dpi / x_dpi), _repeated(x_dpi / y_dpi)
    page = tiff.convert("1").resize((tiff.width * across, tiff.height * down))
    return _png(page, (round(x_dpi * across), round(y_dpi * down)))


def thumbnail_png(image: Path, number: int) -> bytes:
    """The same page in grey, its longer side `THUMBNAIL` pixels. Raises as `page_png` does."""
    with opened(image) as tiff:
        return thumbnail_of(tiff, number)


def thumbnail_of(tiff: TiffImagePlugin.TiffImageFile, number: int) -> bytes:
    _turn_to(tiff, number)
    x_dpi, y_dpi = _dpi(tiff)
    inches = tiff.width / x_dpi, tiff.height / y_dpi
    dpi = THUMBNAIL / max(inches)
    # The mean of the pixels is what the eye makes of them from afar.
    small = tiff.convert("L").resize([max(1, round(side * dpi)) for side in inches], Image.Resampling.BOX)
    return _png(small.quantize(_GREYS), (round(dpi), round(dpi)))


def _turn_to(tiff: TiffImagePlugin.TiffImageFile, number: int) -> None:
    if not 1 <= number <= tiff.n_frames:
        raise NotFound(f"The document has {tiff.n_frames} page{'' if tiff.n_frames == 1 else 's'}.")
    tiff.seek(number - 1)


def _dpi(tiff: TiffImagePlugin.TiffImageFile) -> tuple[float, float]:
    x_dpi, y_dpi = (float(value) for value in tiff.info.get("dpi", (0, 0)))
    return (x_dpi, y_dpi) if x_dpi > 0 and y_dpi > 0 else (X_DPI, FINE_DPI)


def _repeated(ratio: float) -> int:
    return min(max(round(ratio), 1), _MOST_REPEATED)


def _png(page: Image.Image, dpi: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    page.save(file, "PNG", dpi=dpi, optimize=True)
    return file.getvalue()
