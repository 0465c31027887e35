"""A first look at a document: its page count, or why it cannot be faxed; quick enough for the SMTP session.

It reads structures and decodes no content, so what it passes may still be refused when it is prepared.
"""

from io import BytesIO
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]

from gateway.documents import html, mail, office, pictures, refusals, text
from gateway.documents.installed import taken
from gateway.documents.kinds import OFFICE, PICTURES, Kind

MAX_PAGES = 500


def inspect(source: bytes | Path, kind: str, name: str, max_pages: int = MAX_PAGES) -> int | None:
    """The pages of a document, of plain text about; None where only setting it tells. `kind` is the sniffed content
    type. Raises DocumentRefused."""
    match Kind(kind):
        case Kind.PDF:
            return _pdf(source, name, max_pages)
        case image_kind if image_kind in PICTURES:
            with pictures.opened(source, image_kind, name) as image:
                return len(pictures.page_numbers(image, name, max_pages))
        case Kind.TEXT:
            data = source if isinstance(source, bytes) else source.read_bytes()
            return text.about_pages(text.sheets(data, name))
        case Kind.HTML:
            html.checked(source if isinstance(source, bytes) else source.read_bytes(), name)
            return None
        case Kind.MAIL | Kind.TNEF as container:
            return _contained(source if isinstance(source, bytes) else source.read_bytes(), container, name, max_pages)
        case document if document in OFFICE and document in taken():
            return office.inspected(source, document, name)
        case other:
            raise refusals.not_taken(name, other)


def _contained(data: bytes, kind: Kind, name: str, max_pages: int) -> int | None:
    counts = [inspect(one.content, one.kind, one.name, max_pages) for one in mail.documents(data, kind, name)]
    pages = sum(count for count in counts if count is not None)
    if pages > max_pages:
        raise refusals.too_long(name, max_pages)
    return None if None in counts else pages


def _pdf(source: bytes | Path, name: str, max_pages: int) -> int:
    try:
        with pdfium.PdfDocument(source) as document:
            pages = len(document)
            form = document.get_formtype()
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise refusals.encrypted(name) from error
        pages, form = _repaired_pages(source, name), pdfium_c.FORMTYPE_NONE
    if pages > max_pages:
        raise refusals.too_long(name, max_pages)
    if form == pdfium_c.FORMTYPE_XFA_FULL:
        raise refusals.dynamic_form(name)
    return pages


def _repaired_pages(source: bytes | Path, name: str) -> int:
    """The pages that qpdf finds where pdfium finds none."""
    with opened_pdf(source, name) as pdf:
        return len(pdf.pages)


def opened_pdf(source: bytes | Path, name: str) -> pikepdf.Pdf:
    """The PDF, repaired where that is needed and possible. Raises DocumentRefused."""
    try:
        pdf = pikepdf.open(BytesIO(source) if isinstance(source, bytes) else source)
        pages = len(pdf.pages)
    except pikepdf.PasswordError as error:
        raise refusals.encrypted(name) from error
    except (pikepdf.PdfError, ValueError, TypeError, RuntimeError, RecursionError) as error:
        raise refusals.broken(name, repr(error)) from error
    if not pages:
        raise refusals.empty(name)
    return pdf
