"""Grey pages to black and white, legible and cheap to send.

Text is not dithered: dots ruin it and cost ten times the time on the line. Instead:

- Where there are strokes, a pixel is compared with a threshold between the darkest and the lightest of what lies within
  a stroke's width of it. So light grey text stays beside black text, and so do hairlines and light text on dark.
- Where it is even, there is nothing to tell apart, and the area becomes black or white as a whole (`areas`).
- Photographs are found (`photographs`) and screened (`screen`).
- Where paper was scanned, what its grain left is taken out (`specks`).

All extremes are taken over pairs of rows and all columns: half the work, and rows lie in memory one after another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from gateway.documents.areas import DARK, decided
from gateway.documents.photographs import WHOLE, Frame, photographs
from gateway.documents.raster import BLOCK, Bilevel, Blocks, Grey, around, of_blocks, over_rows, sliding
from gateway.documents.rendering import Look, Resolution
from gateway.documents.screen import screened
from gateway.documents.specks import without_specks

_ACROSS, _DOWN = 10, 5
"""The narrow window: 10 columns by 5 pairs of rows, a little over a millimetre: no stroke of running text is wider."""
_EVEN, _EVEN_SCANNED, _EVEN_MAX = 26, 40, 110
"""Levels of grey: less between darkest and lightest is no text. On scanned paper the print of the back may shine
through; and the coarser its grain, the more it takes."""
_GRAIN = 10
"""A page is scanned where most of its quietest blocks differ by more within themselves: nothing drawn does."""
_UNLIKE = 1.5
"""The grain of a page is nowhere so many times what it is in most places."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page as pdfium draws it."""

    grey: Grey
    """Rows of the fine resolution, or of the superfine where that is wanted."""
    images: Sequence[Frame] = ()


def bilevel(page: Drawn, look: Look = Look.AUTO, resolution: Resolution = Resolution.FINE) -> Bilevel:
    """Black and white, with as many rows as the resolution has."""
    grey, (rows, columns) = page.grey, page.grey.shape
    if rows % BLOCK or columns % BLOCK:
        grey = np.pad(grey, ((0, -rows % BLOCK), (0, -columns % BLOCK)), mode="edge")
    if look is Look.PHOTO:
        black = screened(_at(grey, resolution), resolution)
    else:
        black = _text(grey, page.images, resolution)
        if look is Look.AUTO:
            _put_photographs(black, grey, page.images, resolution)
    return black[: rows // 2 if resolution is Resolution.STANDARD else rows, :columns]


def _text(grey: Grey, images: Sequence[Frame], resolution: Resolution) -> Bilevel:
    down = _DOWN * 2 if resolution is Resolution.SUPERFINE else _DOWN
    scan = _scan(grey, images)
    if scan is not None:
        grey = _beyond_its_edges(grey, scan)
    grain = _grain(grey)
    rough = bool((grain > _GRAIN).mean() > 0.5)
    scanned = rough or scan is not None
    if rough:
        # Grain on the edge of a letter makes it ragged, and every notch costs bits.
        grey = np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(0.8)))
        grain = _grain(grey)
    if scanned:
        # Where letters stand so close that no block near is quiet, their own contrast would be taken for grain.
        grain = np.minimum(grain, np.uint8(min(255, np.median(grain) * _UNLIKE)))
    black = _strokes(grey, grain, down, scanned=scanned)
    if scan is not None:
        top, bottom, left, right = scan
        black[:top] = black[bottom:] = black[:, :left] = black[:, right:] = False
    if scanned:
        black = without_specks(black)
    if resolution is Resolution.STANDARD:
        # A thin line may lie in either row: what is black in one stays black.
        black = black[::2] | black[1::2]
    return black


def _scan(grey: Grey, images: Sequence[Frame]) -> Frame | None:
    """Where the scan is, of a page that is nothing else."""
    for top, bottom, left, right in images:
        if (bottom - top) * (right - left) > WHOLE * grey.size:
            around = (grey[:top], grey[bottom:], grey[:, :left], grey[:, right:])
            return (top, bottom, left, right) if all(part.min(initial=255) == 255 for part in around) else None
    return None


def _beyond_its_edges(grey: Grey, scan: Frame) -> Grey:
    """The page with the scan's own paper around it: where a shadow or grey paper ends is nothing to be drawn."""
    top, bottom, left, right = scan
    inner = grey[top + 2 : bottom - 2, left + 2 : right - 2]  # the outermost pixels are mixed with what is around
    sides = (top + 2, grey.shape[0] - bottom + 2), (left + 2, grey.shape[1] - right + 2)
    return np.pad(inner, sides, mode="edge")


def _put_photographs(black: Bilevel, grey: Grey, images: Sequence[Frame], resolution: Resolution) -> None:
    for top, bottom, left, right, mask, paper in photographs(grey, images):
        levels = _at(grey[top:bottom, left:right], resolution)
        if paper < 255:
            # Paper is white: it lies between the blocks' edges and the photograph's, and is not to be dotted.
            levels = np.minimum(levels.astype(np.uint16) * 255 // paper, 255).astype(np.uint8)
        screen = screened(levels, resolution)
        halved = resolution is Resolution.STANDARD
        place = np.s_[top // 2 : bottom // 2, left:right] if halved else np.s_[top:bottom, left:right]
        black[place] = np.where(mask[::2] if halved else mask, screen, black[place])


def _at(grey: Grey, resolution: Resolution) -> Grey:
    if resolution is not Resolution.STANDARD:
        return grey
    pairs: Grey = (grey[::2] >> 1) + (grey[1::2] >> 1) + (grey[::2] & grey[1::2] & 1)
    return pairs


def _grain(grey: Grey) -> Blocks:
    """How much the quietest block near each differs within itself."""
    return around(of_blocks(grey, np.max) - of_blocks(grey, np.min), 3, np.min)


def _strokes(grey: Grey, grain: Blocks, down: int, *, scanned: bool) -> Bilevel:
    pairs = grey.reshape(-1, 2, grey.shape[1])
    darkest, lightest = np.minimum(pairs[:, 0], pairs[:, 1]), np.maximum(pairs[:, 0], pairs[:, 1])
    low = sliding(sliding(darkest, down, 0, np.minimum), _ACROSS, 1, np.minimum)
    high = sliding(sliding(lightest, down, 0, np.maximum), _ACROSS, 1, np.maximum)
    span = high - low
    least = _EVEN_SCANNED if scanned else _EVEN
    even = np.clip(grain.astype(np.uint16) * 2, least, _EVEN_MAX).astype(np.uint8)
    strokes = span >= (over_rows(even, span.shape) if even.max() > least else np.uint8(least))
    areas = decided(darkest, lightest, low, high, even, scanned=scanned)
    if areas.outlines is not None:
        strokes &= ~areas.outlines
    middle = low + (span >> 1)
    below = DARK if areas.below is None else over_rows(areas.below, low.shape)
    # From the middle a little towards the lightest: thin strokes are lighter than they should be.
    threshold = np.where(strokes, middle + (span >> 4), np.where(middle < below, np.uint8(255), np.uint8(0)))
    black: Bilevel = pairs < threshold[:, None, :]
    return black.reshape(grey.shape)
