"""Images of any sort to images that a fax page can show: upright, opaque, 8 bit, no larger than useful.

Every page of a TIFF, the first frame of anything else. Raises DocumentRefused.
"""

import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pi_heif  # type: ignore[import-untyped]
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin

from gateway.documents import refusals
from gateway.documents.kinds import Kind

MAX_PIXELS = 100_000_000
"""A sheet of A3 at 600 dpi has 70 million."""
SHORT, LONG = 3456, 4584
"""Sides to which larger grey and colour images are reduced: twice the fax page's."""

FORMATS = {
    Kind.TIFF: "TIFF",
    Kind.PNG: "PNG",
    Kind.JPEG: "JPEG",
    Kind.GIF: "GIF",
    Kind.BMP: "BMP",
    Kind.WEBP: "WEBP",
    Kind.HEIF: "HEIF",
    Kind.AVIF: "AVIF",
}
UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, ArithmeticError, RuntimeError, struct.error
)  # fmt: skip
"""What Pillow raises at images that are not what they should be."""
_NEW_SUBFILE_TYPE = 254
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000})
"""Those of TIFF that Pillow's libtiff decodes: none, CCITT (four sorts), LZW, JPEG (two), deflate (two), PackBits,
LZMA, Zstandard."""
_LOSSY = frozenset({Kind.JPEG, Kind.HEIF, Kind.AVIF})
_WHITE = (255, 255, 255)

# Pillow warns from this on and raises an error from twice of it; the warning is made an error below.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
pi_heif.register_heif_opener(thumbnails=False)


@dataclass(frozen=True, slots=True)
class Picture:
    image: Image.Image
    """Mode 1, L or RGB."""
    aspect: float
    """Height of a pixel by its width."""
    lossy: bool
    """It came as a photograph does and may go on as JPEG."""


@contextmanager
def opened(source: bytes | Path, kind: Kind, name: str) -> Iterator[Image.Image]:
    """The image, not yet decoded. What Pillow raises within becomes DocumentRefused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            ImageFile.LOAD_TRUNCATED_IMAGES = False  # WeasyPrint sets it for all: half of a picture would be faxed
            file = BytesIO(source) if isinstance(source, bytes) else source
            with Image.open(file, formats=[FORMATS[kind]]) as image:
                yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise refusals.too_large(name, f"it has more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except UNREADABLE as error:
        raise refusals.broken(name, repr(error)) from error


def page_numbers(image: Image.Image, name: str, max_pages: int) -> list[int]:
    """The frames that are pages: of a TIFF all but the thumbnails, of anything else the first."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return [0]
    numbers: list[int] = []
    for number in _frames(image, name, max_pages):
        if int(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0)) & 1:  # a reduced image of another
            continue
        compression = image.tag_v2.get(TiffImagePlugin.COMPRESSION, 1)
        if compression not in _COMPRESSIONS:
            raise refusals.unknown_compression(name, compression)
        numbers.append(number)
        if len(numbers) > max_pages:
            raise refusals.too_long(name, max_pages)
    if not numbers:
        raise refusals.empty(name)
    return numbers


def _frames(image: Image.Image, name: str, max_pages: int) -> Iterator[int]:
    """Each frame, with the image turned to it. Not by `n_frames`, which goes to the end of the chain, in a time that
    grows with the square. A page may have a thumbnail."""
    for number in range(2 * max_pages + 1):
        try:
            image.seek(number)
        except EOFError:
            return
        yield number
    raise refusals.too_long(name, max_pages)


def pictures(source: bytes | Path, kind: Kind, name: str, max_pages: int) -> Iterator[Picture]:
    """The pages of an image file, one at a time."""
    with opened(source, kind, name) as image:
        for number in page_numbers(image, name, max_pages):
            image.seek(number)
            yield _picture(image, lossy=kind in _LOSSY)


def _picture(image: Image.Image, *, lossy: bool) -> Picture:
    aspect = _aspect(image)
    lies = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # Orientation: stored on its side
    image.draft(image.mode, (LONG, LONG))  # JPEG decodes to a smaller size at once
    # Pillow turns TIFFs by itself when it loads them, others are turned here.
    upright = ImageOps.exif_transpose(image)
    plain = _reduced(_plain(upright))
    return Picture(plain, 1 / aspect if lies else aspect, lossy)


def _aspect(image: Image.Image) -> float:
    """x dpi by y dpi: a fax in standard resolution has pixels twice as high as wide."""
    for key in ("dpi", "resolution", "aspect", "jfif_density"):
        match image.info.get(key):
            case (x, y):
                try:
                    aspect = float(x) / float(y)
                except (ArithmeticError, TypeError, ValueError):
                    continue
                if math.isfinite(aspect) and 1 / 8 <= aspect <= 8:
                    return aspect
    return 1.0


def _plain(image: Image.Image) -> Image.Image:
    """Without alpha, palette, or more than 8 bits: mode 1, L or RGB."""
    mode = image.mode
    if mode == "1":
        return image
    if mode in ("F", "I") or mode.startswith("I;16"):
        return _eight_bits(image)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        paper = Image.new("RGB", seen.size, _WHITE)
        paper.paste(seen, mask=seen.getchannel("A"))
        return paper
    return image if mode == "L" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)
    low, high = float(levels.min()), float(levels.max())
    if image.mode != "F" and low >= 0 and high <= 0xFFFF:
        low, high = 0, 0xFFFF  # 16 bits, of which an evenly grey page need not use all
    return Image.fromarray(((levels - low) * (255 / ((high - low) or 1))).astype(np.uint8))


def _reduced(image: Image.Image) -> Image.Image:
    if image.mode == "1":
        return image
    longer, shorter = max(image.size), min(image.size)
    factor = min(1.0, LONG / longer, SHORT / shorter)
    if factor == 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
