"""The worker's one entry: documents -> normalised PDF and fax image. Runs in `gateway.sandbox`."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.documents import refusals
from gateway.documents.check import check
from gateway.documents.cover import Cover, add_cover
from gateway.documents.kinds import Kind
from gateway.documents.native import take_over
from gateway.documents.normalise import Source, normalise
from gateway.documents.render import render
from gateway.documents.rendering import DEFAULT, Rendering


def prepare(
    sources: Sequence[Source],
    pdf_out: Path,
    image_out: Path,
    max_pages: int,
    rendering: Rendering = DEFAULT,
    cover: Cover | None = None,
) -> int:
    """Write the normalised PDF and the fax image of `sources`; the number of pages, that of the cover included.

    Raises DocumentRefused. The directory of `pdf_out` is the caller's scratch: when a limit ends the work, what is
    half done stays there.
    """
    with _temporary_files_in(pdf_out.parent):
        return _prepare(sources, pdf_out, image_out, max_pages, rendering, cover)


def _prepare(
    sources: Sequence[Source],
    pdf_out: Path,
    image_out: Path,
    max_pages: int,
    rendering: Rendering,
    cover: Cover | None,
) -> int:
    name = sources[0][2] if len(sources) == 1 else ""
    normalised = normalise(sources, pdf_out, max_pages, rendering.paper)
    pages = normalised.pages + (add_cover(cover, pdf_out, rendering.paper) if cover is not None else 0)
    if cover is not None or not _taken_over(sources, image_out, max_pages):
        rendered = render(pdf_out, image_out, name, rendering)
        if normalised.repaired and rendered.blank == rendered.pages:
            raise refusals.broken(name, "all pages are blank after the repair")
        if rendered.pages != pages:
            raise refusals.broken(name, f"{rendered.pages} pages of {pages} could be read")
        pages = rendered.pages - rendered.dropped
    check(image_out, pages)
    return pages


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Have the libraries keep theirs where the caller removes them: WeasyPrint unpacks the fonts of a document, and a
    worker, which is ended or killed, has no time for its destructors."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _taken_over(sources: Sequence[Source], image_out: Path, max_pages: int) -> bool:
    if len(sources) > 1 or sources[0][1] != Kind.TIFF:
        return False
    path, _, name, *_ = sources[0]
    return take_over(path, image_out, name, max_pages) is not None
