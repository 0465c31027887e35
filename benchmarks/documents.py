"""`make bench-documents`: what becomes of the documents of the corpus on the line and on paper, beside Ghostscript.

Every document is made into a fax image by `gateway.documents.prepare` in its sandbox, and by Ghostscript's `tiffg4`, as
other fax programs do it, at the same resolution. Then the same is asked of both: how many bytes of T.6 code libspandsp
makes of a page, how long they keep a line busy (`airtime`), how much of the text can be read (`reading`), and how much
a photograph looks like itself (`likeness`). `bench-out/documents.png` shows all first pages side by side.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from benchmarks import goals, reading, table
from benchmarks.airtime import line_seconds
from benchmarks.contact_sheet import Pair, contact_sheet
from benchmarks.corpus import Document, corpus
from benchmarks.ghostscript import fax_image, grey_pages
from benchmarks.likeness import likeness, pictures
from benchmarks.table import Row, ratio
from gateway.documents.drawing import drawn, size_of
from gateway.documents.fitting import sheet_for
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.lines.t4 import sent_pages
from gateway.sandbox import Sandbox

Grey = NDArray[np.uint8]


@dataclass(slots=True)
class Fax:
    """A document as a fax image."""

    pages: list[Image.Image]
    codes: list[bytes]
    error: float | None = None
    """Of the characters that were written, the share that cannot be read."""
    likeness: float | None = None

    @property
    def kilobytes(self) -> float:
        """Of a page, like the seconds."""
        return sum(map(len, self.codes)) / 1000 / len(self.codes)

    @property
    def seconds(self) -> float:
        return sum(map(line_seconds, self.codes)) / len(self.codes)


async def run(*, quick: bool) -> list[Row]:
    ghostscript = shutil.which("gs")
    if ghostscript is None:
        print("  Ghostscript is not installed here: it is left out")
    if not reading.languages():
        print("  Tesseract is not installed here: nothing is read")
    rows: list[Row] = []
    pairs: list[Pair] = []
    sandbox = Sandbox(children=1, quick=0)
    await sandbox.start()
    try:
        with tempfile.TemporaryDirectory(prefix="faxgate-documents-") as name:
            measuring = asyncio.Semaphore(_cores())
            documents = list(corpus(quick=quick))

            async def one(number: int, document: Document) -> tuple[Document, Fax, Fax | None]:
                async with measuring:
                    folder = Path(name) / str(number)
                    folder.mkdir()
                    measured = await _measured(document, folder, sandbox, ghostscript)
                    shutil.rmtree(folder)
                    print(f"  {document.group}: {document.name}", file=sys.stderr, flush=True)
                    return document, *measured

            results = await asyncio.gather(*(one(number, document) for number, document in enumerate(documents)))
        for document, ours, theirs in results:
            rows.append(_row(document, ours, theirs))
            pairs.append(Pair(document.name, ours.pages[0], theirs.pages[0] if theirs else None))
    finally:
        await sandbox.stop()
    table.show(
        "Documents as faxes, by faxgate and by Ghostscript (gs); KB and line seconds at 14.4k are a page's", rows
    )
    table.show("By group, against the goals", goals.by_group(rows))
    for missed in goals.less_legible(rows):
        print(f"  less legible than Ghostscript's: {missed}")
    table.OUT.mkdir(exist_ok=True)
    contact_sheet(pairs).save(table.OUT / "documents.png")
    print(f"  seen side by side in {table.OUT / 'documents.png'}")
    return rows


def _row(document: Document, ours: Fax, theirs: Fax | None) -> Row:
    return {
        "group": document.group,
        "document": document.name,
        "pages": len(ours.pages),
        "KB": _rounded(ours.kilobytes, 1),
        "KB gs": _rounded(theirs.kilobytes, 1) if theirs else None,
        "s": _rounded(ours.seconds, 1),
        "s gs": _rounded(theirs.seconds, 1) if theirs else None,
        "x gs": ratio(ours.seconds, theirs.seconds if theirs else None),
        "CER": _rounded(ours.error),
        "CER gs": _rounded(theirs.error) if theirs else None,
        "SSIM": _rounded(ours.likeness),
        "SSIM gs": _rounded(theirs.likeness) if theirs else None,
    }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


async def _measured(
    document: Document, folder: Path, sandbox: Sandbox, ghostscript: str | None
) -> tuple[Fax, Fax | None]:
    pdf, image, other = (folder / name for name in ("in.pdf", "fax.tif", "gs.tif"))
    pdf.write_bytes(document.pdf)
    await sandbox.run(prepare, [(pdf, Kind.PDF, pdf.name)], folder / "fax.pdf", image, 500)
    upright = _upright_pages(pdf)
    ours, theirs = await asyncio.to_thread(_fax, image), None
    await _judge(ours, document, upright, _meant(pdf) if document.pictured else [])
    if ghostscript:
        await fax_image(ghostscript, pdf, other)
        theirs = await asyncio.to_thread(_fax, other)
        await _judge(theirs, document, upright, await grey_pages(ghostscript, pdf, folder) if document.pictured else [])
    return ours, theirs


def _fax(path: Path) -> Fax:
    pages = []
    with Image.open(path) as tiff:
        for number in range(getattr(tiff, "n_frames", 1)):
            tiff.seek(number)
            pages.append(tiff.convert("L"))
    return Fax(pages, [page.code for page in sent_pages(str(path))])


def _meant(path: Path) -> list[Grey]:
    """The pages in grey, as they lie on ours."""
    pages = []
    with pdfium.PdfDocument(path) as document:
        document.init_forms()
        for page in document:
            size = size_of(page, "")
            sheet = sheet_for(*size)
            grey = drawn(page, size, sheet, sheet.full, 1).grey
            if (grey[sheet.inked :] < 255).any():  # then it is made smaller
                grey = drawn(page, size, sheet, sheet.inked, 1).grey
            pages.append(grey)
    return pages


def _upright_pages(path: Path) -> list[Grey]:
    """The pages as they were written, small."""
    pages = []
    with pdfium.PdfDocument(path) as document:
        for page in document:
            page.set_rotation(0)
            bitmap = page.render(scale=800 / max(page.get_size()), grayscale=True)
            pages.append(np.array(bitmap.to_numpy()).reshape(bitmap.height, bitmap.width))
    return pages


async def _judge(fax: Fax, document: Document, upright: Sequence[Grey], meant: Sequence[Grey]) -> None:
    """`upright` are the pages as they are read, `meant` in grey as they lie on this fax."""
    if any(document.truth) and document.language in reading.languages():
        wrong = 0
        for number, truth in enumerate(document.truth):
            page = _upright(fax.pages[number], upright[number])
            if document.pictured:
                page = _without_pictures(page, meant[number])
            wrong += await reading.unread(page, truth, document.language)
        fax.error = wrong / sum(len(truth.replace(" ", "")) for truth in document.truth)
    if document.pictured:
        fax.likeness = await asyncio.to_thread(_likeness, fax, meant)


def _likeness(fax: Fax, meant: Sequence[Grey]) -> float:
    found = []
    for page, grey in zip(fax.pages, meant, strict=True):
        shown = np.asarray(page)
        rows, columns = min(len(shown), len(grey)), min(shown.shape[1], grey.shape[1])
        where = pictures(grey)[:rows, :columns]
        found.append(likeness(shown[:rows, :columns], grey[:rows, :columns], where))
    return sum(found) / len(found)


def _without_pictures(page: Image.Image, meant: Grey) -> Image.Image:
    """What is written beside them: Tesseract takes no notice of what is near a picture."""
    where = np.zeros((page.height, page.width), bool)
    found = pictures(meant)[: page.height, : page.width]
    where[: len(found), : found.shape[1]] = found
    return Image.fromarray(np.where(where, np.uint8(255), np.asarray(page)))


def _upright(page: Image.Image, meant: Grey) -> Image.Image:
    """A page that may lie on its side, turned as `meant` is."""
    if meant.shape[0] > meant.shape[1]:
        return page
    wanted = _inked(meant)
    turned = [np.rot90(np.asarray(page), quarters) for quarters in range(4)]
    return Image.fromarray(max(turned, key=lambda way: float((_inked(way) * wanted).sum())))


def _inked(page: Grey) -> NDArray[np.float64]:
    """What is on it, small, about its mean: for telling which way it lies."""
    rows, columns = (np.flatnonzero((page < 200).any(axis=axis)) for axis in (1, 0))
    if len(rows) < 2:
        return np.zeros((64, 64))
    inked = page[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = np.asarray(Image.fromarray(inked).resize((64, 64), Image.Resampling.BOX), float)
    spread: NDArray[np.float64] = (small - small.mean()) / (small.std() + 1)
    return spread


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
