"""Pages as arrays: rows by columns, in blocks, through windows. Fast, because a page has four million pixels."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""Rows by columns, 0 is black."""
Bilevel = NDArray[np.bool_]
"""Rows by columns, True is black."""
Blocks = NDArray[np.uint8]
"""A value for each block."""

BLOCK = 16
"""Side of a block: 2 mm at the fine resolution."""

Extreme = Callable[[Grey, Grey], Grey]


def sliding(levels: Grey, window: int, axis: int, extreme: Extreme) -> Grey:
    """The extreme of the `window` values around each, along `axis`; beyond the edge, the edge goes on."""
    before = window // 2
    pad = [(0, 0), (0, 0)]
    pad[axis] = (before, window - 1 - before)
    found, reach = np.pad(levels, pad, mode="edge"), 1
    # Two windows side by side are one of twice the width; the last may overlap.
    while reach < window:
        step = min(reach, window - reach)
        ahead, behind = (found[step:], found[:-step]) if axis == 0 else (found[:, step:], found[:, :-step])
        found = extreme(behind, ahead)
        reach += step
    return found


def of_blocks(levels: Grey, extreme: Callable[..., Grey], rows: int = BLOCK) -> Blocks:
    """The extreme of each block of `rows` by `BLOCK`."""
    bands = extreme(levels.reshape(-1, rows, levels.shape[1]), axis=1)
    return extreme(bands.reshape(len(bands), -1, BLOCK), axis=2)


def around(blocks: Blocks, reach: int, extreme: Callable[..., Blocks]) -> Blocks:
    """The extreme of each block and those up to `reach` away."""
    size = 2 * reach + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(blocks, reach, mode="edge"), (size, size))
    return extreme(windows, axis=(2, 3))


def over_rows(blocks: Blocks, shape: tuple[int, int]) -> Grey:
    """The blocks' values, spread over an array of `shape` that has the pages' columns."""
    wide = blocks.repeat(BLOCK, axis=1)
    return wide.repeat(shape[0] // len(wide), axis=0)


def connected(marked: Bilevel) -> Iterator[NDArray[np.int64]]:
    """The marked blocks that hang together by their sides, each group as rows of (row, column)."""
    left = set(zip(*(index.tolist() for index in np.nonzero(marked)), strict=True))
    while left:
        group = [left.pop()]
        for y, x in group:
            for other in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if other in left:
                    left.remove(other)
                    group.append(other)
        yield np.array(group)
