"""Continuous tones to black and white: a screen made for the line.

Group 4 codes an edge by how far it has moved since the row above, and one that has not moved costs a bit; where a dot
begins or ends it costs a dozen. So the screen is one of vertical bars, four pixels apart, that widen by a pixel at a
time and keep each width for some rows. With 51 bars to the inch it is finer than the dots that are usual here.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gateway.documents.raster import Bilevel, Grey
from gateway.documents.rendering import Resolution

_APART = 4
"""Pixels from bar to bar."""
_RUN = {Resolution.STANDARD: 4, Resolution.FINE: 5, Resolution.SUPERFINE: 10}
"""Rows in which a bar has all its widths for one tone."""
_SHARPER = ImageFilter.UnsharpMask(radius=2, percent=30, threshold=0)
"""A screen softens, and what is written on a photograph is to stay legible; but more would look like another one."""


def screened(grey: Grey, resolution: Resolution = Resolution.FINE) -> Bilevel:
    rows, columns = grey.shape
    cell = _cell(_RUN[resolution])
    across = np.tile(cell, (1, -(-columns // cell.shape[1])))[:, :columns]
    sharp = np.asarray(Image.fromarray(grey).filter(_SHARPER))
    black: Bilevel = sharp < np.tile(across, (-(-rows // len(cell)), 1))[:rows]
    return black


@cache
def _cell(run: int) -> NDArray[np.uint8]:
    """The level below which each pixel of two bars is black.

    Both widen at the same levels. By turns they would have twice as many tones; but where only every other bar is
    wider, they are so far apart that they are seen.
    """
    y, column = np.mgrid[:run, :_APART]
    widening = np.argsort(np.argsort(np.abs(np.arange(_APART) - (_APART - 1) / 2), kind="stable"))[column]
    order = np.lexsort((y.ravel(), np.abs(y + 0.5 - run / 2).ravel(), widening.ravel()))
    rank = np.empty(order.size)
    rank[order] = np.arange(order.size)
    # From the last to be white to the first; never 0 or 255, so that black stays black and white stays white.
    bar = np.round(255 - 255 * (rank + 0.5) / order.size).astype(np.uint8).reshape(y.shape)
    # Neighbouring bars are widest where the other is narrowest.
    return np.concatenate([bar, np.roll(bar, run // 2, axis=0)], axis=1)
