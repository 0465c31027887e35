"""How long a page keeps a line busy: the estimate, and the code that it goes by.

A page is sent in blocks of at most 256 frames of 256 octets (T.30, annex A), and after each the ends exchange PPS and
MCF and train anew. HDLC puts a zero after five ones, which the code of blank or screened areas has many of: that adds
up to a fifth. The seconds of the handshakes are those of libspandsp calling itself, V.17 at 14,400 bit/s, ECM, T.6;
`tests/documents/test_comparison.py` holds all to real calls. A far end that is slower, or has no ECM and so no T.6,
takes longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import TiffImagePlugin

from gateway.documents.page import opened

RATE = 14400
"""Bits a second of V.17."""
CALL_SECONDS = 13.2
"""Once a call: tones, capabilities, training, and good-bye."""
_PAGE_SECONDS = 0.14
_BLOCK_SECONDS = 2.96
_BLOCK_BYTES = 65536
_FRAME_BYTES = 256
_FRAME_BITS = 65
"""Of each frame beside its octets: flags, address, control, FCF, number, FCS (T.30, annex A), and one stuffed."""
_ONES = 5
"""After so many HDLC puts a zero."""
_LEAST_SIGNIFICANT_FIRST = 2
"""Of TIFF's FillOrder."""


@dataclass(frozen=True, slots=True)
class Code:
    """The T.6 code of a page."""

    bytes: int
    bits: int
    """As they are sent, in frames and stuffed."""


def page_seconds(code: Code) -> float:
    """
    >>> round(page_seconds(Code(bytes=40_000, bits=334_000)), 1)
    26.3
    """
    blocks = max(1, ceil(code.bytes / _BLOCK_BYTES))
    return _PAGE_SECONDS + blocks * _BLOCK_SECONDS + code.bits / RATE


def call_seconds(codes: Sequence[Code]) -> float:
    """Of a call with these pages, from answer to hang-up."""
    return CALL_SECONDS + sum(map(page_seconds, codes))


def codes_of(image: Path) -> tuple[Code, ...]:
    """Of each page. Belongs into the sandbox. Raises OurTrouble where the image is unreadable."""
    with opened(image) as tiff, image.open("rb") as file:
        codes = []
        for number in range(tiff.n_frames):
            tiff.seek(number)
            strips = []
            for offset, length in zip(
                tiff.tag_v2[TiffImagePlugin.STRIPOFFSETS], tiff.tag_v2[TiffImagePlugin.STRIPBYTECOUNTS], strict=True
            ):
                file.seek(offset)
                strips.append(file.read(length))
            codes.append(code_of(b"".join(strips), reverse=tiff.tag_v2.get(266) == _LEAST_SIGNIFICANT_FIRST))
        return tuple(codes)


def code_of(code: bytes, *, reverse: bool = False) -> Code:
    """`reverse`: the first bit of an octet is the least significant one. Pure.

    >>> code_of(b"\\xff" * 10), code_of(b"\\xaa" * 10)
    (Code(bytes=10, bits=161), Code(bytes=10, bits=145))
    """
    blocks = (code[start : start + _BLOCK_BYTES] for start in range(0, len(code), _BLOCK_BYTES))
    stuffed = sum(_stuffed(block, "little" if reverse else "big") for block in blocks)
    return Code(len(code), 8 * len(code) + stuffed + ceil(len(code) / _FRAME_BYTES) * _FRAME_BITS)


def _stuffed(block: bytes, order: Literal["big", "little"]) -> int:
    bits = np.zeros(8 * len(block) + 2, dtype=np.int8)
    bits[1:-1] = np.unpackbits(np.frombuffer(block, dtype=np.uint8), bitorder=order)
    edges = np.flatnonzero(np.diff(bits))  # where a run of ones begins, and where it ends
    return int(((edges[1::2] - edges[::2]) // _ONES).sum())
