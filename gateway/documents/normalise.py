"""Documents in their order to one normalised PDF: what is faxed, and what is mailed to people with the receipt.

PDF pages keep their size, forms and layers; scripts, actions, attachments and encryption go. Images and text come on
sheets of `paper`. qpdf (pikepdf) reads and writes: it repairs what it can and does not decode what it copies.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import img2pdf
import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image, TiffImagePlugin

from gateway.documents import forms, html, mail, office, pictures, refusals, text
from gateway.documents.inspect import inspect, opened_pdf
from gateway.documents.kinds import CONTAINERS, OFFICE, Kind
from gateway.documents.paper import A4, Paper
from gateway.documents.pictures import Picture

Source = tuple[Path, str, str]
"""A document: its file, its kind (the sniffed content type), its name for people."""

_DROPPED = frozenset({"/AA", "/JS", "/EF", "/AF"})
"""Additional actions, scripts, embedded and associated files. What the document's root has is not copied at all."""
_ACTIONS = frozenset({"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/Rendition"})
_DEPTH = 30
_UNREADABLE = (pikepdf.PdfError, ValueError, TypeError, RuntimeError, RecursionError, AttributeError, KeyError)


@dataclass(frozen=True, slots=True)
class Normalised:
    pages: int
    repaired: bool
    """A document was damaged: what can be read of it may be nothing."""


def normalise(sources: Sequence[Source], out: Path, max_pages: int, paper: Paper = A4) -> Normalised:
    """Write `out`. Raises DocumentRefused naming the document that is at fault."""
    repaired = False
    with pikepdf.new() as whole, ExitStack() as open_until_saved, TemporaryDirectory(dir=out.parent) as scratch:
        for path, kind, name in sources:
            inspect(path, kind, name, max_pages)
            for part in _as_pdfs(path, Kind(kind), name, Path(scratch), paper, max_pages):
                pdf = open_until_saved.enter_context(opened_pdf(part, name))
                _append(whole, pdf, name)
                repaired |= bool(pdf.get_warnings())
            if len(whole.pages) > max_pages:
                raise refusals.too_long(name if len(sources) == 1 else "", max_pages)
        try:
            for thing in whole.objects:
                _disarm(thing)
            # Not decoding: a document may decode to any size.
            whole.save(out, stream_decode_level=pikepdf.StreamDecodeLevel.none)
        except _UNREADABLE as error:
            raise refusals.broken(sources[0][2] if len(sources) == 1 else "", repr(error)) from error
        return Normalised(len(whole.pages), repaired)


def _as_pdfs(
    source: bytes | Path, kind: Kind, name: str, scratch: Path, paper: Paper, max_pages: int
) -> Iterator[bytes | Path]:
    """The document as PDFs to be put one after another."""
    if kind in CONTAINERS:
        for found in mail.documents(_read(source), kind, name):
            if found.kind is Kind.HTML:
                yield _set(found.content, found.name, scratch, paper, max_pages, found.parts)
            else:
                yield from _as_pdfs(found.content, found.kind, found.name, scratch, paper, max_pages)
    elif kind is Kind.PDF:
        yield source
    elif kind is Kind.HTML:
        yield _set(_read(source), name, scratch, paper, max_pages, {})
    elif kind in OFFICE:
        typeset = scratch / "office.pdf"
        office.write_pdf(source, kind, name, typeset)
        yield typeset.read_bytes()
    elif kind is Kind.TEXT:
        typeset = scratch / "text.pdf"
        text.write_pdf(_read(source), name, typeset, paper, max_pages)
        yield typeset.read_bytes()
    else:
        for picture in pictures.pictures(source, kind, name, max_pages):
            yield sheet(picture, paper)


def _read(source: bytes | Path) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _set(data: bytes, name: str, scratch: Path, paper: Paper, max_pages: int, parts: Mapping[str, bytes]) -> bytes:
    typeset = scratch / "html.pdf"
    html.write_pdf(html.checked(data, name), name, typeset, paper, max_pages, parts)
    return typeset.read_bytes()


def _append(whole: pikepdf.Pdf, pdf: pikepdf.Pdf, name: str) -> None:
    try:
        forms.draw_values(pdf)
        whole.add_pages_from(pdf, outlines="ignore")
    except _UNREADABLE as error:
        raise refusals.broken(name, repr(error)) from error


def _disarm(thing: object, depth: int = 0) -> None:
    """Take out what acts and what is hidden, here and in what lies directly within."""
    if depth > _DEPTH:
        return
    children: Sequence[object] = ()
    if isinstance(thing, Array):
        children = list(thing)
    elif isinstance(thing, Dictionary | Stream):
        action = thing.get(Name.S)
        acts = isinstance(action, Name) and str(action) in _ACTIONS
        for key in list(thing.keys()):
            if acts or key in _DROPPED:
                del thing[key]
        children = [value for _, value in thing.items()]  # keys may be no UTF-8, and then find nothing
    for child in children:
        if isinstance(child, pikepdf.Object) and not child.is_indirect:
            _disarm(child, depth + 1)


def sheet(picture: Picture, paper: Paper) -> bytes:
    """A PDF of one page with the picture on it, nothing cut or distorted."""
    layout = laid_out(picture.image.width, picture.image.height * picture.aspect, paper)
    converted: bytes = img2pdf.convert(_encoded(picture), layout_fun=lambda *_: layout)
    return converted


def laid_out(width: float, height: float, paper: Paper) -> tuple[float, float, float, float]:
    """Page width and height, image width and height in points, for an image of that many square pixels.

    The paper lies as the image does. Small images are not blown up beyond 72 pixels an inch.
    """
    page = (paper.width, paper.height) if width <= height else (paper.height, paper.width)
    scale = min(page[0] / width, page[1] / height, 1.0)
    return (*page, width * scale, height * scale)


def _encoded(picture: Picture) -> bytes:
    """As a file that img2pdf takes over without another thought."""
    file = BytesIO()
    image = picture.image
    if image.mode == "1":
        bare = Image.frombytes("1", image.size, image.tobytes())  # without the tags of the file it came from
        bare.save(file, "TIFF", compression="group4", tiffinfo={TiffImagePlugin.ROWSPERSTRIP: image.height})
    elif picture.lossy:
        image.save(file, "JPEG", quality=92, exif=b"", icc_profile=None)
    else:
        Image.frombytes(image.mode, image.size, image.tobytes()).save(file, "PNG")
    return file.getvalue()
