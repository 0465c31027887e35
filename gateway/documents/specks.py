"""Specks: what the grain of paper and the dust on a scanner leave on a page. They cost line time and look dirty.

A speck is a few pixels with nothing but white around them, and nothing of size near it. The dot of an i, a period and a
decimal point stand beside a letter or a digit, and the dots of a dotted line beside each other in a row: those stay.
"""

import numpy as np
from numpy.typing import NDArray

from gateway.documents.raster import Bilevel

_SIDE = 4
"""A speck is no larger than this square."""
_NEAR = 16
"""Pixels: two millimetres. What is nearer to something of size belongs to it."""
_ROW, _ALONG, _DOTS = 4, 128, 9
"""So many dots in a stretch of a row are a dotted line."""


def without_specks(black: Bilevel) -> Bilevel:
    rows, columns = black.shape
    padded = np.pad(black, _SIDE + 1)
    alone = np.zeros_like(black)
    # A pixel is alone if some square of _SIDE with it has white all around: the frame one pixel outside it.
    framed = _framed(padded)
    for y in range(_SIDE):
        for x in range(_SIDE):
            alone |= framed[_SIDE - y : _SIDE - y + rows, _SIDE - x : _SIDE - x + columns]
    alone &= black
    if not alone.any():
        return black
    return black & ~(alone & ~_belonging(black & ~alone, rows, columns) & ~_dotted(alone))


def _framed(padded: Bilevel) -> Bilevel:
    """For each square's upper left corner, whether its frame is white. One row and column of squares lie outside."""
    side = _SIDE + 2
    across = _any(padded, side, 1)
    down = _any(padded, side, 0)
    height, width = padded.shape[0] - side + 1, padded.shape[1] - side + 1
    inked = across[:height, :width] | across[side - 1 :, :width] | down[:height, :width] | down[:height, side - 1 :]
    return ~inked


def _any(pixels: Bilevel, window: int, axis: int) -> Bilevel:
    length = pixels.shape[axis] - window + 1
    found = pixels[:length] if axis == 0 else pixels[:, :length]
    for shift in range(1, window):
        found = found | (pixels[shift : shift + length] if axis == 0 else pixels[:, shift : shift + length])
    return found


def _belonging(large: Bilevel, rows: int, columns: int) -> Bilevel:
    """What is near to something of size, told by squares of _NEAR."""
    padded = np.pad(large, ((0, -rows % _NEAR), (0, -columns % _NEAR)))
    squares = (
        padded.reshape(-1, _NEAR, padded.shape[1]).any(axis=1).reshape(-1, padded.shape[1] // _NEAR, _NEAR).any(axis=2)
    )
    wide = np.pad(squares, 1)
    near = np.zeros_like(squares)
    for y in range(3):
        for x in range(3):
            near |= wide[y : y + squares.shape[0], x : x + squares.shape[1]]
    spread: NDArray[np.bool_] = near.repeat(_NEAR, axis=0).repeat(_NEAR, axis=1)[:rows, :columns]
    return spread


def _dotted(alone: Bilevel) -> Bilevel:
    """Stretches of a row, or of a column, in which there are many."""
    found = np.zeros_like(alone)
    for turned in (False, True):
        dots, out = (alone.T, found.T) if turned else (alone, found)
        rows, columns = dots.shape
        padded = np.pad(dots, ((0, -rows % _ROW), (0, -columns % _ALONG)))
        seen: Bilevel = np.any(padded.reshape(-1, _ROW, padded.shape[1]), axis=1)
        starts = seen & ~np.pad(seen, ((0, 0), (1, 0)))[:, :-1]
        many = starts.reshape(padded.shape[0] // _ROW, -1, _ALONG).sum(axis=2) >= _DOTS
        out |= many.repeat(_ROW, axis=0).repeat(_ALONG, axis=1)[:rows, :columns]
    return found
