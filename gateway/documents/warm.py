"""What the first document costs a process beside itself, paid once by the one that all workers are forked from."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
from pikepdf import Dictionary, Name

from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare


@cache
def warm_up() -> None:
    """Prepare a page of our own: libraries set up their tables, read the fonts, and take the memory that they keep."""
    with TemporaryDirectory(prefix="faxgate-") as name:
        folder = Path(name)
        with pikepdf.new() as pdf:
            page = pdf.add_blank_page(page_size=(595, 842))
            font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
            page.Resources = Dictionary(Font=Dictionary(F=font))
            page.Contents = pdf.make_stream(b"BT /F 12 Tf 72 700 Td (The quick brown fox) Tj ET")
            pdf.save(folder / "page.pdf")
        source = (folder / "page.pdf", Kind.PDF.value, "page.pdf")
        prepare([source], folder / "fax.pdf", folder / "fax.tif", max_pages=1)
