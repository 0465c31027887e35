"""A fax image before it is sent: how long it will keep a line busy, pages of it, and a thumbnail.

Made of the fax image itself, so that what is shown is what is sent; the line prints its header line above that. Belongs
into the sandbox.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway.documents.linetime import Code, codes_of
from gateway.documents.page import opened, png_of, thumbnail_of

MOST_PAGES = 10
MOST_BYTES = 8 << 20
"""Of the pages shown: a page of noise at the superfine resolution has some 2 MB."""


@dataclass(frozen=True, slots=True)
class Preview:
    codes: tuple[Code, ...]
    """Of every page."""
    shown: tuple[bytes, ...]
    """PNGs of the pages asked for."""
    thumbnail: bytes
    """A PNG of page 1."""


def preview(image: Path, first: int, most: int) -> Preview:
    """The pages of `image` from `first` (from 1), `most` of them, as far as there are so many and `MOST_BYTES` hold
    them; one at least. Raises NotFound where it has no page `first`, and OurTrouble where it is unreadable."""
    codes = codes_of(image)
    with opened(image) as tiff:
        pages = [png_of(tiff, first)]
        for number in range(first + 1, min(first + most, len(codes) + 1)):
            page = png_of(tiff, number)
            if sum(map(len, pages)) + len(page) > MOST_BYTES:
                break
            pages.append(page)
        return Preview(codes, tuple(pages), thumbnail_of(tiff, 1))
