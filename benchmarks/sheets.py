"""Sheets on which the documents of the corpus are drawn: as PDF, with what is written on them; and as a scanner sees
them. Everything follows from numbers that are fixed, so that the corpus is the same everywhere."""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import img2pdf
import numpy as np
import pikepdf
import pypdfium2 as pdfium  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pikepdf import Dictionary, Name
from PIL import Image

A4 = (595.28, 841.89)
LETTER = (612.0, 792.0)
LEGAL = (612.0, 1008.0)

FONTS = {
    "sans": "Helvetica",
    "bold": "Helvetica-Bold",
    "serif": "Times-Roman",
    "mono": "Courier",
    "italic": "Times-Italic",
}
WIDTHS = {"sans": 0.5, "bold": 0.55, "serif": 0.45, "mono": 0.6, "italic": 0.42}
"""Of a letter, on average, by its size: for breaking lines."""

WORDS = """
the of and to in is that for it as was with be by on not his which have from this but had they her all were
she invoice order number amount payment received delivery address contract signed account patient doctor
report result sample medicine daily evening morning office street city telephone please confirm return page
copy original enclosed letter reference request answer between before after during under without against first
second third twenty hundred measure weight length colour yellow orange green purple window bridge river
mountain garden
""".split()  # noqa: SIM905  # a list of a hundred words reads worse

Grey = NDArray[np.uint8]


def sentences(seed: int, words: int) -> str:
    """Made-up English, with figures in it."""
    chance = random.Random(seed)
    out: list[str] = []
    while len(out) < words:
        sentence = chance.choices(WORDS, k=chance.randint(5, 12))
        if chance.random() < 0.4:
            sentence.insert(2, f"{chance.randint(10, 9999)}.{chance.randint(10, 99)}")
        sentence[0] = sentence[0].capitalize()
        sentence[-1] += "."
        out += sentence
    return " ".join(out)


@dataclass
class Sheet:
    """A page being drawn, in points from its lower left corner."""

    size: tuple[float, float] = A4
    content: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    images: list[Image.Image] = field(default_factory=list)
    rotate: int = 0

    def fill(self, colour: Sequence[float], box: tuple[float, float, float, float]) -> None:
        """Box: left, bottom, width, height. Colours are 0 to 1, one value is grey."""
        self.content.append(f"{_colour(colour)} {' '.join(f'{side:.2f}' for side in box)} re f")

    def line(self, width: float, ends: tuple[float, float, float, float], grey: float = 0.0) -> None:
        x, y, u, v = ends
        self.content.append(f"{grey} G {width} w {x:.2f} {y:.2f} m {u:.2f} {v:.2f} l S")

    def write(
        self, text: str, x: float, y: float, size: float = 11, font: str = "sans", colour: Sequence[float] = (0,)
    ) -> None:
        """One line."""
        escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        self.content.append(f"BT {_colour(colour)} /{font} {size} Tf {x:.2f} {y:.2f} Td ({escaped}) Tj ET")
        self.words.append(text)

    def paragraph(
        self,
        text: str,
        box: tuple[float, float, float],
        size: float = 11,
        font: str = "sans",
        colour: Sequence[float] = (0,),
    ) -> float:
        """Broken into lines in a column of box = left, first baseline, width; where the next line would be."""
        x, y, width = box
        room = int(width / (size * WIDTHS[font]))
        row = ""
        for word in text.split():
            if len(row) + len(word) >= room:
                self.write(row, x, y, size, font, colour)
                row, y = "", y - size * 1.3
            row = f"{row} {word}".strip()
        self.write(row, x, y, size, font, colour)
        return y - size * 1.3

    def place(self, image: Image.Image, box: tuple[float, float, float, float]) -> None:
        x, y, width, height = box
        self.content.append(f"q {width:.2f} 0 0 {height:.2f} {x:.2f} {y:.2f} cm /I{len(self.images)} Do Q")
        self.images.append(image)

    @property
    def truth(self) -> str:
        return " ".join(self.words)


def _colour(colour: Sequence[float]) -> str:
    return " ".join(f"{part:.3f}" for part in colour) + (" rg" if len(colour) == 3 else " g")


def pdf(sheets: Sequence[Sheet]) -> bytes:
    made = pikepdf.new()
    fonts = Dictionary(
        {
            f"/{name}": made.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/" + base)))
            for name, base in FONTS.items()
        }
    )
    for sheet in sheets:
        made.add_blank_page(page_size=sheet.size)
        page = made.pages[-1]
        pictures = Dictionary({f"/I{number}": _image(made, image) for number, image in enumerate(sheet.images)})
        page.Resources = Dictionary(Font=fonts, XObject=pictures)
        page.Contents = made.make_stream("\n".join(sheet.content).encode("latin-1"))
        if sheet.rotate:
            page.Rotate = sheet.rotate
    file = io.BytesIO()
    made.save(file, deterministic_id=True)
    return file.getvalue()


def _image(made: pikepdf.Pdf, image: Image.Image) -> pikepdf.Stream:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    space = Name.DeviceGray if image.mode == "L" else Name.DeviceRGB
    return pikepdf.Stream(
        made,
        file.getvalue(),
        Type=Name.XObject, Subtype=Name.Image, Width=image.width, Height=image.height,
        ColorSpace=space, BitsPerComponent=8, Filter=Name.DCTDecode,
    )  # fmt: skip


def looked_at(sheet: Sheet, dpi: int = 200) -> Grey:
    """The sheet as a perfect scanner would see it."""
    with pdfium.PdfDocument(pdf([sheet])) as document:
        bitmap = document[0].render(scale=dpi / 72, grayscale=True)
        return np.array(bitmap.to_numpy()).reshape(bitmap.height, bitmap.width)


def scanned_pdf(pages: Sequence[Image.Image], dpi: int = 200, quality: int = 75) -> bytes:
    """What a scanner sends: one JPEG a page; bilevel pages as they are."""
    files = []
    for page in pages:
        file = io.BytesIO()
        if page.mode == "1":
            page.save(file, "PNG", dpi=(dpi, dpi))
        else:
            page.save(file, "JPEG", quality=quality, dpi=(dpi, dpi))
        files.append(file.getvalue())
    made: bytes = img2pdf.convert(files)
    return made
