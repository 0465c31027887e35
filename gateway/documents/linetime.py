"""How long a page keeps a line busy: the estimate, and the bytes that it goes by.

Fitted to calls of libspandsp with itself, V.17 at 14,400 bit/s, ECM, T.6: a page is sent in blocks of at most 256
frames of 256 octets (T.30, annex A), and after each the ends exchange PPS and MCF and train anew. The framing and the
bits that HDLC stuffs are a twentieth of what is sent. `tests/documents/test_comparison.py` holds the numbers to real
calls. A far end that is slower, or has no ECM and so no T.6, takes longer.
"""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from PIL import TiffImagePlugin

from gateway.documents.page import opened

RATE = 14400
"""Bits a second of V.17."""
CALL_SECONDS = 13.2
"""Once a call: tones, capabilities, training, and good-bye."""
_PAGE_SECONDS = 0.43
_BLOCK_SECONDS = 2.67
_BLOCK_BYTES = 65536
_BITS_A_BYTE = 8.353


def page_seconds(code_bytes: int) -> float:
    """Of a page whose T.6 code has so many bytes.

    >>> round(page_seconds(40_000), 1)
    26.3
    """
    blocks = max(1, ceil(code_bytes / _BLOCK_BYTES))
    return _PAGE_SECONDS + blocks * _BLOCK_SECONDS + code_bytes * _BITS_A_BYTE / RATE


def call_seconds(code_bytes: Sequence[int]) -> float:
    """Of a call with these pages, from answer to hang-up."""
    return CALL_SECONDS + sum(map(page_seconds, code_bytes))


def coded_bytes(image: Path) -> tuple[int, ...]:
    """The bytes of each page's code. Belongs into the sandbox. Raises OurTrouble where the image is unreadable."""
    with opened(image) as tiff:
        return tuple(_bytes(tiff, number) for number in range(tiff.n_frames))


def _bytes(tiff: TiffImagePlugin.TiffImageFile, number: int) -> int:
    tiff.seek(number)
    return sum(tiff.tag_v2[TiffImagePlugin.STRIPBYTECOUNTS])
