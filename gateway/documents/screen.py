"""Continuous tones to black and white: a screen made for the line.

Group 4 codes an edge by how far it has moved since the row above, and one that has not moved costs a bit; where a dot
begins or ends it costs a dozen. So the screen is one of vertical bars, three pixels apart, that widen by a pixel at a
time and keep each width for some rows. With 68 bars to the inch it is finer than the dots that are usual here. Bars
four pixels apart cost a third less, but are seen as bars.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gateway.documents.raster import Bilevel, Grey
from gateway.documents.rendering import Resolution

_SIZES = {Resolution.STANDARD: (4, 4), Resolution.FINE: (3, 6), Resolution.SUPERFINE: (3, 12)}
"""Pixels from bar to bar, and the rows in which a bar has all its widths for one tone. The more of both, the more
tones: rows of the standard resolution are few."""
_SHARPER = ImageFilter.UnsharpMask(radius=2, percent=40, threshold=0)
"""A screen softens; and what is written on a photograph is to stay legible."""


def screened(grey: Grey, resolution: Resolution = Resolution.FINE) -> Bilevel:
    rows, columns = grey.shape
    cell = _cell(*_SIZES[resolution])
    across = np.tile(cell, (1, -(-columns // cell.shape[1])))[:, :columns]
    sharp = np.asarray(Image.fromarray(grey).filter(_SHARPER))
    black: Bilevel = sharp < np.tile(across, (-(-rows // len(cell)), 1))[:rows]
    return black


@cache
def _cell(apart: int, run: int) -> NDArray[np.uint8]:
    """The level below which each pixel of two bars is black."""
    y, x = np.mgrid[:run, : 2 * apart]
    bar, column = x // apart, x % apart
    widening = np.argsort(np.argsort(np.abs(np.arange(apart) - (apart - 1) / 2), kind="stable"))[column]
    # Neighbouring bars are widest where the other is narrowest.
    down = (y + bar * run // 2) % run
    order = np.lexsort((bar.ravel(), down.ravel(), np.abs(down + 0.5 - run / 2).ravel(), widening.ravel()))
    rank = np.empty(order.size)
    rank[order] = np.arange(order.size)
    # From the last to be white to the first: 1 to 254, so that black stays black and white stays white.
    return np.round(254 - rank / (order.size - 1) * 253).astype(np.uint8).reshape(y.shape)
