"""A document as we fax it beside what Ghostscript's `tiffg4` makes of it: line time page by page, and pictures.

Ghostscript is what many gateways run. It gets the normalised PDF, at the same resolution and on the same width (A4, the
215 mm of T.4, 4.1). All of this belongs into the sandbox: it opens what was made of a document.
"""

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.documents.linetime import Code, call_seconds, codes_of, page_seconds
from gateway.documents.page import page_png
from gateway.documents.rendering import Resolution
from gateway.documents.tiff import X_DPI
from gateway.errors import OurTrouble

GHOSTSCRIPT = "gs"
_OPTIONS = (
    *("-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=tiffg4"),
    *("-sPAPERSIZE=a4", "-dFIXEDMEDIA", "-dPDFFitPage"),
    "-dMaxStripSize=0",  # a page is one strip, as it is sent: every other one would end with a code of its own
)
_GAP = 12
_BLACK, _GREY, _WHITE = 0, 1, 2
_PALETTE = [level for level in (0, 128, 255) for _ in "RGB"]


@dataclass(frozen=True, slots=True)
class Compared:
    """A page, or all of a call: what it takes on a line at 14,400 bit/s with ECM."""

    page: int
    """0 for the call, whose seconds are those from answer to hang-up."""
    bytes: int
    seconds: float
    other_bytes: int | None = None
    """Ghostscript's; None where it is not installed."""
    other_seconds: float | None = None


def by_ghostscript(pdf: Path, image: Path, resolution: Resolution) -> bool:
    """Write `image`; False where there is no Ghostscript. Raises OurTrouble where it fails."""
    program = shutil.which(GHOSTSCRIPT)
    if program is None:
        return False
    done = subprocess.run(  # noqa: S603  # our own options
        [program, *_OPTIONS, f"-r{X_DPI}x{resolution.y_dpi}", f"-sOutputFile={image}", str(pdf)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise OurTrouble("Ghostscript failed.", detail=done.stdout.decode(errors="replace")[-500:])
    return True


def compared(ours: Path, theirs: Path | None, out: Path | None) -> list[Compared]:
    """Page by page, and the call last. Writes `page-N.png` into `out`, ours at the left.

    Raises OurTrouble where the two have different numbers of pages, OSError where `out` cannot be written.
    """
    codes = codes_of(ours)
    others = codes_of(theirs) if theirs else None
    if others is not None and len(others) != len(codes):
        raise OurTrouble(f"Ghostscript made {len(others)} pages of {len(codes)}.")
    if out is not None:
        for number in range(1, len(codes) + 1):
            (out / f"page-{number}.png").write_bytes(_side_by_side(number, ours, theirs))
    return beside(codes, others)


def beside(codes: Sequence[Code], others: Sequence[Code] | None) -> list[Compared]:
    """The code of each page as line time, and the call last. Pure."""
    ours = _alone(codes)
    if others is None:
        return ours
    return [
        replace(page, other_bytes=other.bytes, other_seconds=other.seconds)
        for page, other in zip(ours, _alone(others), strict=True)
    ]


def _alone(codes: Sequence[Code]) -> list[Compared]:
    pages = [Compared(number, code.bytes, round(page_seconds(code), 1)) for number, code in enumerate(codes, 1)]
    return [*pages, Compared(0, sum(code.bytes for code in codes), round(call_seconds(codes), 1))]


def _side_by_side(number: int, *images: Path | None) -> bytes:
    pages = [np.asarray(Image.open(io.BytesIO(page_png(image, number)))) for image in images if image]
    height = max(page.shape[0] for page in pages)
    both = np.full((height, sum(page.shape[1] + _GAP for page in pages) - _GAP), _GREY, dtype=np.uint8)
    left = 0
    for page in pages:
        rows, columns = page.shape
        both[:rows, left : left + columns] = np.where(page, _WHITE, _BLACK)
        left += columns + _GAP
    picture = Image.fromarray(both)
    picture.putpalette(_PALETTE)
    file = io.BytesIO()
    picture.save(file, "PNG", bits=2)
    return file.getvalue()
