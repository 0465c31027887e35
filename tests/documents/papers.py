"""Documents for the tests, made on the spot."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pikepdf
from numpy.typing import NDArray
from pikepdf import Array, Dictionary, Name
from PIL import Image, ImageDraw

A4_POINTS = (595.0, 842.0)


def pdf(*contents: bytes, size: tuple[float, float] = A4_POINTS) -> pikepdf.Pdf:
    """A PDF with a page for each content stream; F1 is Helvetica."""
    made = pikepdf.new()
    font = made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    for content in contents:
        made.add_blank_page(page_size=size)
        page = made.pages[-1]
        page.Resources = Dictionary(Font=Dictionary(F1=font))
        page.Contents = made.make_stream(content)
    return made


def line_of(text: str, size: int = 24, x: int = 72, y: int = 700, grey: float = 0) -> bytes:
    return f"BT {grey} g /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n".encode()


def saved(made: pikepdf.Pdf, encryption: pikepdf.Encryption | None = None) -> bytes:
    file = BytesIO()
    # The id that qpdf makes up holds the time: the same page twice must be the same bytes.
    made.save(file, encryption=encryption or False, deterministic_id=encryption is None)
    return file.getvalue()


def letter(pages: int = 1) -> bytes:
    return saved(pdf(*(line_of(f"Page {number} of {pages}") for number in range(1, pages + 1))))


def file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def image_bytes(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def arrow(mode: str = "RGB", size: tuple[int, int] = (600, 800)) -> Image.Image:
    """White with a black block in the upper left corner: shows which way is up."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 4, size[1] // 4), fill="black")
    return image.convert(mode)


def text_page(rows: int = 2200) -> NDArray[np.bool_]:
    """A bilevel fax page, 1728 wide, True is black: text-like, so that every compression has something to do."""
    image = Image.new("1", (1728, rows), 1)
    draw = ImageDraw.Draw(image)
    for y in range(60, rows - 60, 40):
        draw.text((100 + y % 7, y), f"{y} The quick brown fox jumps over the lazy dog " * 4, fill=0)
    return ~np.asarray(image)


def pages_of(path: Path) -> list[NDArray[np.bool_]]:
    """The pages of a TIFF, True is black, decoded by libtiff."""
    pages = []
    with Image.open(path) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            pages.append(np.asarray(image.convert("L")) < 128)
    return pages


def inked(black: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The box of what is black: left, top, right, bottom."""
    rows, columns = np.flatnonzero(black.any(axis=1)), np.flatnonzero(black.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def image_on(page: pikepdf.Page) -> NDArray[np.bool_]:
    """The only image on a page of a PDF, True is black."""
    (image,) = page.Resources.XObject.values()
    assert isinstance(image, pikepdf.Stream)
    return np.asarray(pikepdf.PdfImage(image).as_pil_image().convert("L")) < 128


def bomb_pdf(width: int = 10, depth: int = 9) -> bytes:
    """Forms that each draw the next `width` times: width ** depth drawings."""
    made = pdf(b"/X Do")
    drawing = made.make_stream(b"0 0 1 1 re f")
    drawing.Type, drawing.Subtype, drawing.BBox = Name.XObject, Name.Form, Array([0, 0, 600, 900])
    for _ in range(depth):
        outer = made.make_stream(b"/X Do " * width)
        outer.Type, outer.Subtype, outer.BBox = Name.XObject, Name.Form, Array([0, 0, 600, 900])
        outer.Resources = Dictionary(XObject=Dictionary(X=drawing))
        drawing = outer
    made.pages[0].Resources = Dictionary(XObject=Dictionary(X=drawing))
    return saved(made)
