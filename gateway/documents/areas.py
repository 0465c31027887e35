"""Even areas: which become black and which white, as a whole.

An area of one shade is decided by the strokes on it: light ones ask for black around them, dark ones for white. Without
any it goes by its own grey; but a shade that passes into white paper step by step is a shadow on the paper, not ink.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.documents.raster import BLOCK, Bilevel, Blocks, Grey, around, of_blocks, over_rows, sliding

DARK = 128
"""An even area is black below this level, if nothing on it asks for the other."""
_PAPER, _WHITE = 200, 250
"""From this level on an even block is white, whatever is around it; and from the other it has no shade at all."""
_STEP = 20
"""Neighbouring blocks are of one area if they differ by no more."""
_VOTES = 12
"""Fewer pixels of strokes are a speck."""
_DECISIVE, _FEW = 3, 12
"""Votes that do not outnumber the others so many times say nothing about so few blocks."""
_ACROSS, _DOWN = 14, 7
"""A stroke is narrower than this window, in columns and pairs of rows."""

_FAINT, _FAINT_SCANNED = 222, 60
"""An edge of an area that is lighter is left without an outline: of a shaded row in a table, of a sheet in a scan."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Areas:
    below: Blocks | None = None
    """For each block, the level below which an even pixel is black; None where that is `DARK` everywhere."""
    outlines: Bilevel | None = None
    """Pairs of rows by columns: edges between light areas that are no strokes, if there are any."""


def decided(darkest: Grey, lightest: Grey, low: Grey, high: Grey, even: Blocks, *, scanned: bool) -> Areas:
    """`darkest` and `lightest` are the extremes of pairs of rows, `low` and `high` those of the narrow window; `even`
    is for each block how much an even place may differ."""
    rows = BLOCK // 2
    lows, highs = of_blocks(darkest, np.min, rows), of_blocks(lightest, np.max, rows)
    flat = highs - lows < even
    if not (flat & (lows < _WHITE)).any():
        return Areas()
    # An opening leaves out what is lighter and narrower than the window, a closing what is darker.
    opened = sliding(sliding(low, _DOWN, 0, np.maximum), _ACROSS, 1, np.maximum)
    closed = sliding(sliding(high, _DOWN, 0, np.minimum), _ACROSS, 1, np.minimum)
    needed = over_rows(even, low.shape)
    dark = np.maximum(closed, lightest) - lightest >= needed
    faint = _FAINT_SCANNED if scanned else _FAINT
    outlines = (low >= faint) & (np.maximum(closed, low) - low < needed)
    shaded = flat & (lows < _PAPER)
    if not shaded.any():
        return Areas(outlines=outlines)
    levels = (lows >> 1) + (highs >> 1)
    # Only what differs from the area itself is on it: the gaps between dark letters are no light strokes.
    ground = over_rows(_spread(np.where(shaded, levels, np.uint8(0)), 2), low.shape)
    light = (darkest - np.minimum(opened, darkest) >= needed) & (np.maximum(darkest, ground) - ground >= needed)
    dark &= ground - np.minimum(lightest, ground) >= needed
    votes_light, votes_dark = _near(_count(light)), _near(_count(dark))
    below, known, unclear = np.where(flat, DARK, 0), flat.copy(), []
    for area in _areas(shaded, levels):
        here = tuple(np.array(area).T)
        votes = int(votes_light[here].sum()), int(votes_dark[here].sum())
        if _VOTES <= max(votes) < _DECISIVE * min(votes) and len(area) < _FEW:
            known[here] = False
            unclear.append(here)
            continue
        black = _is_black(levels[here], *votes, _fades(area, flat & ~shaded, levels))
        below[here] = _below(levels[here], even[here], black=black)
    below = _filled(below, known)
    for here in unclear:
        # The gap between a line and the next letter: it is what is around it.
        below[here] = _below(levels[here], even[here], black=bool(below[here].max() > DARK))
    return Areas(below.astype(np.uint8), outlines)


def _is_black(levels: Blocks, light: int, dark: int, fades: bool) -> bool:
    if max(light, dark) >= _VOTES:
        return light > dark
    return not fades and float(np.median(levels)) < DARK


def _below(levels: Blocks, even: Blocks, *, black: bool) -> Counts:
    """The level below which each block of an area is black: its even pixels all are, or none."""
    own, within = levels.astype(np.int64), even.astype(np.int64) // 2 + 4
    below: Counts = np.clip(own + within, DARK, 255) if black else np.clip(own - within, 0, DARK)
    return below


def _spread(levels: Blocks, times: int) -> Blocks:
    """Blocks without a level (0) take over the highest beside them."""
    for _ in range(times):
        levels = np.where(levels == 0, around(levels, 1, np.max), levels)
    return levels


def _count(strokes: NDArray[np.bool_]) -> Counts:
    bands = strokes.reshape(-1, BLOCK // 2, strokes.shape[1]).sum(axis=1)
    counted: Counts = bands.reshape(len(bands), -1, BLOCK).sum(axis=2)
    return counted


def _near(counts: Counts) -> Counts:
    """Each block's count with its neighbours'."""
    padded = np.pad(counts, 1)
    rows, columns = counts.shape
    total: Counts = sum(padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3))  # type: ignore[assignment]
    return total


def _areas(shaded: NDArray[np.bool_], levels: Blocks) -> list[list[tuple[int, int]]]:
    """The blocks of each area of one shade, or of shades that pass into each other."""
    open_blocks = set(zip(*(index.tolist() for index in np.nonzero(shaded)), strict=True))
    level = levels.astype(int).tolist()
    areas = []
    while open_blocks:
        area = [open_blocks.pop()]
        for y, x in area:
            for other in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if other in open_blocks and abs(level[y][x] - level[other[0]][other[1]]) <= _STEP:
                    open_blocks.remove(other)
                    area.append(other)
        areas.append(area)
    return areas


def _fades(area: list[tuple[int, int]], paper: Bilevel, levels: Blocks) -> bool:
    """Whether it passes into paper without an edge."""
    rows, columns = paper.shape
    for y, x in area:
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= v < rows and 0 <= u < columns
            if inside and paper[v, u] and abs(int(levels[y, x]) - int(levels[v, u])) <= _STEP:
                return True
    return False


def _filled(below: Counts, known: NDArray[np.bool_]) -> Counts:
    """Blocks with strokes take over what was decided beside them: black before white, else the lowest."""
    if not known.any():
        return np.full(below.shape, DARK, np.int64)
    rows, columns = below.shape
    while not known.all():
        padded, there = np.pad(below, 1), np.pad(known, 1)
        windows = [(slice(y, y + rows), slice(x, x + columns)) for y in range(3) for x in range(3)]
        highest = np.max([np.where(there[w], padded[w], 0) for w in windows], axis=0)
        lowest = np.min([np.where(there[w], padded[w], 256) for w in windows], axis=0)
        new = ~known & (lowest < 256)
        below = np.where(new, np.where(highest > DARK, highest, lowest), below)
        known = known | new
    return below
