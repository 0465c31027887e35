"""How long pages keep a telephone line busy: T.6 with error correction at 14,400 bit/s (V.17).

Counted, not called: the frames of T.4 annex A are laid out with every bit that HDLC stuffs into them, and the T.30
procedures around them are taken from the Recommendation's timings. A call between two ends of libspandsp took as long.
"""

import numpy as np

RATE = 14400
_FRAME, _FRAMES = 256, 256
"""Octets of a frame, and frames of a block (T.30 annex A)."""
_AROUND = 0.142 + 0.2 + 3 * 7 * 8 / RATE + 0.075 * 3 + (1 + 9 * 8 / 300) + (1 + 7 * 8 / 300)
"""Seconds beside the data of a block: short training, flags, three RCP, pauses, and at 300 bit/s PPS and MCF with a
second of preamble each."""


def line_seconds(code: bytes) -> float:
    """For a page whose T.6 code this is."""
    blocks = -(-max(len(code), 1) // (_FRAME * _FRAMES))
    return _bits(code) / RATE + blocks * _AROUND


def _bits(code: bytes) -> int:
    """Of its frames: flag, address, control, FCD, number, data and check sequence, stuffed."""
    frames = -(-max(len(code), 1) // _FRAME)
    padded = code + bytes(-len(code) % _FRAME)
    return frames * 8 * (1 + 4 + _FRAME + 2) + _stuffed(padded)


def _stuffed(data: bytes) -> int:
    """Zeros put in after five ones. The order of the bits is the wire's: TIFF's most significant bit goes first."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], bits, [0])).astype(np.int8)))
    return int(((edges[1::2] - edges[::2]) // 5).sum())
