"""How much a screened photograph looks like the photograph: SSIM, of both as the eye sees them from arm's length.

Both are blurred first, as an eye does that cannot tell the dots of a screen apart: by a Gaussian whose sigma is two
pixels, a quarter of a millimetre. SSIM is that of Wang and others (2004), with their window and constants.
"""

import numpy as np
from numpy.typing import NDArray

from gateway.documents.raster import sliding

_EYE = 2.0
_WINDOW = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_BOX = 25
"""Pixels: what is narrower is no picture."""

Levels = NDArray[np.float64]


def likeness(shown: NDArray[np.uint8], meant: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Mean SSIM, 1 where they look the same; rows by columns, 0 is black."""
    rows, columns = (np.flatnonzero(where.any(axis=axis)) for axis in (1, 0))
    area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shown, meant, where = shown[area], meant[area], where[area]
    one, other = _blurred(shown.astype(np.float64), _EYE), _blurred(meant.astype(np.float64), _EYE)
    mean1, mean2 = _blurred(one, _WINDOW), _blurred(other, _WINDOW)
    varies1, varies2 = _blurred(one**2, _WINDOW) - mean1**2, _blurred(other**2, _WINDOW) - mean2**2
    together = _blurred(one * other, _WINDOW) - mean1 * mean2
    index = ((2 * mean1 * mean2 + _C1) * (2 * together + _C2)) / (
        (mean1**2 + mean2**2 + _C1) * (varies1 + varies2 + _C2)
    )
    return float(index[where].mean())


def pictures(meant: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where on a page pictures are: what is not white, and wide."""
    for extreme in (np.maximum, np.minimum):
        meant = sliding(sliding(meant, _BOX, 0, extreme), _BOX, 1, extreme)
    return meant < 250


def _blurred(levels: Levels, sigma: float) -> Levels:
    reach = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(levels, [(reach, reach) if side == axis else (0, 0) for side in (0, 1)], mode="edge")
        levels = np.zeros_like(levels)
        length = levels.shape[axis]
        for shift, weight in enumerate(weights):
            levels += weight * (padded[shift : shift + length] if axis == 0 else padded[:, shift : shift + length])
    return levels
