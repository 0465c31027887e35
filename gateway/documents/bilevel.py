"""Grey pages to black and white, legible and cheap to send.

Not dithered: dots ruin text and cost ten times the time on the line. Instead:

- Where there are strokes, a pixel is compared with a threshold between the darkest and the lightest of what lies within
  a stroke's width of it. So light grey text stays beside black text, and so do hairlines and light text on dark.
- Where it is even, there is nothing to tell apart, and the area becomes black or white as a whole: such that the text
  on it, dark or light, stands out; without text, by its own grey.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gateway.documents.tiff import Bilevel

Grey = NDArray[np.uint8]
"""Rows by columns, 0 is black."""

_STROKE = 2
"""Reach of the narrow window, in pixels of the page at half size: 9 to 10 of the page's."""
_BLOCK = 8
"""Side of a block, likewise: 2 mm. The wide window is a block and the eight around it."""
_EVEN = 36
"""Levels of grey: less between darkest and lightest is no text."""
_AT = 141
"""Where between darkest and lightest the threshold lies, of 256: a little nearer to the lightest."""
_DARK = 128
"""An even area is black up to this level, if text on it does not ask for the other."""
_LIGHT = 165
"""Above this it is white, whatever surrounds it: a shaded box on white paper needs no black edge."""


def bilevel(grey: Grey) -> Bilevel:
    """True where black."""
    rows, columns = grey.shape
    side = 2 * _BLOCK
    padded = np.pad(grey, ((0, -rows % side), (0, -columns % side)), mode="edge")
    # Half size: a quarter of the work, and single specks do not count for much.
    half = np.asarray(Image.fromarray(padded).reduce(2))
    low, high = _sliding(half, np.minimum), _sliding(half, np.maximum)
    span = high - low
    between = low + (span * np.uint16(_AT) >> 8).astype(np.uint8)
    areas = np.where(_dark_areas(half), np.uint8(255), np.uint8(0))
    threshold = np.where(span < _EVEN, areas, between).repeat(2, axis=1)
    black = padded.reshape(threshold.shape[0], 2, -1) < threshold[:, None, :]
    return black.reshape(padded.shape)[:rows, :columns]


def _sliding(levels: Grey, extreme: Callable[[Grey, Grey], Grey]) -> Grey:
    """The darkest or lightest level within `_STROKE` of each pixel."""
    reach = range(1, 2 * _STROKE + 1)
    rows, columns = levels.shape
    padded = np.pad(levels, _STROKE, mode="edge")
    down = padded[:rows]
    for shift in reach:
        down = extreme(down, padded[shift : shift + rows])
    found = down[:, :columns]
    for shift in reach:
        found = extreme(found, down[:, shift : shift + columns])
    return found


def _dark_areas(half: Grey) -> Bilevel:
    """Which pixels would be black if they lay in an even area."""
    rows, columns = half.shape
    bands = half.reshape(rows // _BLOCK, _BLOCK, columns)
    lowest, highest = (_around(extreme(bands, axis=1), extreme) for extreme in (np.min, np.max))
    # From this level on, something around is darker; up to that level, something is lighter.
    darker = half > _pixels(np.minimum(lowest, 255 - _EVEN) + np.uint8(_EVEN))
    lighter = half < _pixels(np.maximum(highest, _EVEN) - np.uint8(_EVEN))
    return (half <= _DARK) & (lighter | ~darker) | (half <= _LIGHT) & lighter & ~darker


def _pixels(blocks: Grey) -> Grey:
    return blocks.repeat(_BLOCK, axis=1).repeat(_BLOCK, axis=0)


def _around(bands: Grey, extreme: Callable[..., Grey]) -> Grey:
    """The extreme of each block and the eight around it; `bands` has that of each block's columns."""
    blocks = extreme(bands.reshape(bands.shape[0], -1, _BLOCK), axis=2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(blocks, 1, mode="edge"), (3, 3))
    return extreme(windows, axis=(2, 3))
