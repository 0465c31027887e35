"""Where on a page photographs are: in its images, where most of a place is in between black and white, smooth, and not
of one shade.

Letters have shades in between only on their edges, which are steep; drawings and tables have few of them. What is drawn
by the page itself, gradients among it, is no photograph.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gateway.documents.raster import BLOCK, Bilevel, Blocks, Grey, connected, of_blocks

Frame = tuple[int, int, int, int]
"""Where an image lies on the page: rows from and to, columns from and to."""
Place = tuple[int, int, int, int, Bilevel, int]
"""A frame, which of its pixels, and the level of the paper around."""

WHOLE = 0.6
"""An image that covers so much of the page is a scan of one."""
_EVERY = 4
"""Of so many pixels across and down one is looked at."""
_APART, _STEEP = 2, 20
"""Steep is what changes by so much within so many pixels."""
_INK, _PAPER = 24, 24
"""So near to the darkest and the lightest is not in between."""
_BETWEEN, _ALL_BETWEEN = 0.33, 0.7
"""The share that is in between on a photograph; and where that is the whole page, with no paper around it."""
_ONE_SHADE = 0.6
"""Of what is in between; a shade is an eighth of all levels."""
_MIN_BLOCKS = 80
"""Smaller than 3 square centimetres it is a mark or a logo, and better off sharp."""
_BENT, _ROUGH, _ALL_ROUGH = 8, 0.05, 0.08
"""Levels, at full contrast, by which a block may differ from the middle between its neighbours, and the share of those
that do: on a photograph, and where that is the whole page. Of scanned pages without one it was up to 0.02, of
photographs on them from 0.09 on; of a page with a photograph on a third of it 0.07, of those that are one 0.1."""
_DARKEST, _LEAST_CONTRAST = 1, 60
"""So many percent of the blocks are as dark as ink."""
_GRAIN = 8
"""Levels by which what is left of it makes paper darker."""
_DARKEST_PAPER = 150
_FULL = 0.6
"""A place that fills so much of its own frame is taken to be the frame: photographs are rectangles."""


def photographs(grey: Grey, frames: Sequence[Frame]) -> list[Place]:
    """The photographs among the images that lie in `frames`, and those on a page that is all image: a scan."""
    places: list[Place] = []
    for frame in frames:
        # In whole blocks: those on the edges may be partly outside, where a screen does no harm.
        top, bottom, left, right = (side // BLOCK for side in frame)
        mask = np.ones((bottom - top + 1, right - left + 1), bool)[: grey.shape[0] // BLOCK - top]
        mask = mask[:, : grey.shape[1] // BLOCK - left]
        if mask.size * BLOCK * BLOCK > WHOLE * grey.size:
            places += _on_scan(grey, top, left, mask)
        elif mask.size >= _MIN_BLOCKS and _is_photograph(grey, top, left, mask, 255):
            places.append(_place(top, left, mask))
    return places


def _on_scan(grey: Grey, top: int, left: int, inside: Bilevel) -> Iterator[Place]:
    frame = np.s_[top : top + inside.shape[0], left : left + inside.shape[1]]
    without_grain = np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(1.5)))
    lows, lightest = of_blocks(without_grain, np.min)[frame], of_blocks(without_grain, np.max)[frame]
    paper = _paper(lightest)
    bent = _bent(lightest, paper - int(np.percentile(lows, _DARKEST)))
    if _is_photograph(grey, top, left, inside, 255, _ALL_BETWEEN) and bent.mean() >= _ALL_ROUGH:
        # It is no page with a photograph on it: what is light there is no paper.
        yield _place(top, left, inside)
        return
    for blocks in connected(lows < paper - _PAPER):
        if len(blocks) < _MIN_BLOCKS:
            continue
        (y, x), (v, u) = blocks.min(axis=0), blocks.max(axis=0) + 1
        mask = np.zeros((v - y, u - x), bool)
        mask[tuple((blocks - (y, x)).T)] = True
        if _is_photograph(grey, top + y, left + x, mask, paper) and bent[y:v, x:u][mask].mean() >= _ROUGH:
            if mask.mean() >= _FULL:
                mask[:] = True
            yield _place(top + y, left + x, mask, paper - _GRAIN)


def _place(top: int, left: int, mask: Bilevel, paper: int = 255) -> Place:
    pixels = mask.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    rows, columns = pixels.shape
    return int(top) * BLOCK, int(top) * BLOCK + rows, int(left) * BLOCK, int(left) * BLOCK + columns, pixels, paper


def _is_photograph(grey: Grey, top: int, left: int, mask: Bilevel, paper: int, least: float = _BETWEEN) -> bool:
    """Whether the blocks of `mask`, which begins at a block of the page, show one."""
    rows, columns = (side * BLOCK for side in mask.shape)
    here = grey[top * BLOCK : top * BLOCK + rows, left * BLOCK : left * BLOCK + columns]
    sampled = mask.repeat(BLOCK // _EVERY, axis=0).repeat(BLOCK // _EVERY, axis=1)
    between, shades = _between(here, paper)
    between = between & sampled
    count = int(between.sum())
    if count < least * int(sampled.sum()):
        return False
    return int(np.bincount(shades[between], minlength=8).max()) <= _ONE_SHADE * count


def _paper(highs: Blocks) -> int:
    """The level of the paper: the lightest that many blocks have."""
    shares = np.bincount(highs.ravel() >> 3, minlength=32) / max(1, highs.size)
    common = np.flatnonzero(shares >= 0.08)
    return max(int(common[-1]) * 8 + 4, _DARKEST_PAPER) if len(common) else 255


def _bent(lightest: Blocks, contrast: int) -> Bilevel:
    """Where the lightest of a block jumps from its neighbours'. That of paper does not, whatever is written on it: not
    in the shadow of a book's gutter, nor where a lamp does not reach. `contrast` is that between paper and ink: where
    it is weak, so are the jumps."""
    level = np.pad(lightest.astype(np.int16), 1, mode="edge")
    middle = 2 * level[1:-1, 1:-1]
    jumps = np.minimum(
        np.abs(middle - level[:-2, 1:-1] - level[2:, 1:-1]), np.abs(middle - level[1:-1, :-2] - level[1:-1, 2:])
    )
    bent: Bilevel = jumps > _BENT * max(contrast, _LEAST_CONTRAST) / 255
    return bent


def _between(grey: Grey, paper: int) -> tuple[Bilevel, NDArray[np.uint8]]:
    """Of the pixels looked at: which are smooth and in between, and their shades."""
    looked_at = grey[::_EVERY, ::_EVERY].astype(np.int16)
    right = grey[::_EVERY, _APART::_EVERY].astype(np.int16)
    below = grey[_APART::_EVERY, ::_EVERY].astype(np.int16)
    smooth = (np.abs(looked_at - right) < _STEEP) & (np.abs(looked_at - below) < _STEEP)
    between = smooth & (looked_at > _INK) & (looked_at < paper - _PAPER)
    return between, (looked_at >> 5).astype(np.uint8)
