"""The documents that `make bench-documents` renders: made here, by numbers that are fixed, nothing downloaded.

Each is of a kind that offices fax, with the text that is to be read on it where it has any.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import weasyprint  # type: ignore[import-untyped]
from PIL import Image

from benchmarks import scanners as sc
from benchmarks.forms import annotated, filled_form
from benchmarks.sheets import A4, LEGAL, LETTER, Grey, Sheet, looked_at, pdf, scanned_pdf, sentences


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    group: str
    """text, scans, slides, tables, forms, photographs, papers."""
    pdf: bytes
    truth: tuple[str, ...]
    """What is written on each page; empty where that is nothing to be read."""
    language: str = "eng"
    """Of what is written, as Tesseract names it."""

    @property
    def pictured(self) -> bool:
        """Whether what matters is how it looks."""
        return self.group == "photographs"


def corpus(*, quick: bool = False) -> Iterator[Document]:
    """All documents, or the few for a short run."""
    for group, makers in GROUPS.items():
        for name, make in makers.items():
            if not quick or name in QUICK:
                made, truth = make()
                yield Document(name, group, made, truth, LANGUAGES.get(name, "eng"))


Made = tuple[bytes, tuple[str, ...]]


def drawn(*sheets: Sheet) -> Made:
    return pdf(sheets), tuple(sheet.truth for sheet in sheets)


def letter(seed: int, font: str = "sans", size: float = 11, page: tuple[float, float] = A4, words: int = 170) -> Sheet:
    sheet = Sheet(page)
    width, height = page
    sheet.write("Smith and Sons, 12 Garden Street", 60, height - 70, size + 5, "bold")
    sheet.paragraph(sentences(seed, words), (60, height - 120, width - 120), size, font)
    return sheet


# Text.


def columns() -> Made:
    sheet = Sheet()
    for column in range(2):
        sheet.paragraph(sentences(40 + column, 110), (50 + column * 255, 770, 235), 9.5, "serif")
    return drawn(sheet)


def greys() -> Made:
    sheet = Sheet()
    for number, grey in enumerate((0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8)):
        sheet.paragraph(sentences(50 + number, 22), (60, 770 - number * 90, 470), 12, "sans", (grey,))
    return drawn(sheet)


def coloured_text() -> Made:
    sheet = Sheet()
    colours = ((0.8, 0, 0), (0, 0.5, 0), (0, 0, 0.9), (0.9, 0.5, 0), (0, 0.6, 0.7), (0.6, 0.6, 0), (0.9, 0.3, 0.6))
    for number, colour in enumerate(colours):
        sheet.paragraph(sentences(60 + number, 22), (60, 770 - number * 90, 470), 12, "sans", colour)
    return drawn(sheet)


def small_print() -> Made:
    sheet = Sheet()
    y = 780.0
    for size in (10, 9, 8, 7, 6.5):
        y = sheet.paragraph(sentences(int(size * 10), 50), (50, y, 490), size, "sans") - 12
    return drawn(sheet)


def price_list() -> Made:
    sheet = Sheet()
    for row in range(40):
        y = 780 - row * 17
        sheet.write(f"Item {1000 + row * 37}", 60, y, 10, "mono")
        sheet.write(f"{row * 13 + 7}.{(row * 29) % 100:02}", 300, y, 10, "mono")
        sheet.write(f"{(row * 771) % 9999}.{(row * 53) % 100:02}", 430, y, 10, "mono")
    return drawn(sheet)


def foreign(text: str, style: str) -> Made:
    html = f"<style>@page{{size:A4;margin:22mm}} p{{font-size:12pt;{style}}}</style>" + f"<p>{text}</p>" * 4
    return web(html, " ".join([text] * 4))


CHINESE = (
    "请于下周三之前将签名后的合同原件寄回本公司。如有任何问题，请致电我们的办公室，电话号码是二三四五六七。"  # noqa: RUF001
    "货物已于昨日从上海发出，预计五天之内到达，收到货物后请仔细检查数量与质量。"  # noqa: RUF001
)
ARABIC = (
    "نرجو منكم إرسال نسخة موقعة من العقد إلى مكتبنا قبل نهاية الأسبوع المقبل. "
    "تم شحن البضاعة أمس من الميناء ومن المتوقع أن تصل خلال خمسة أيام. شكرا لتعاونكم معنا دائما."
)


def sizes() -> Made:
    """From a headline down to a footnote, each in two fonts."""
    sheet = Sheet()
    y = 770.0
    for number, size in enumerate((36, 24, 18, 14, 12, 10, 8, 7)):
        for font in ("bold", "italic"):
            y = sheet.paragraph(sentences(30 + number, 6)[: int(900 / size)], (50, y, 490), size, font) - 4
    return drawn(sheet)


# Scans.


def scan(change: Callable[[Grey], Grey], seed: int, font: str = "serif", dpi: int = 200, quality: int = 75) -> Made:
    sheet = letter(seed, font, 12, words=150)
    page = change(sc.blurred(looked_at(sheet, dpi), 0.7 * dpi / 200))
    return scanned_pdf([Image.fromarray(page)], dpi, quality), (sheet.truth,)


def bilevel_scan() -> Made:
    sheet = letter(80, "serif", 12, words=150)
    return scanned_pdf([sc.bilevel(looked_at(sheet), 0.002, 80)]), (sheet.truth,)


def shining_through() -> Made:
    sheet, back = letter(81, "serif", 12, words=150), letter(82, "serif", 12, words=150)
    page = sc.shining_through(sc.on_paper(sc.blurred(looked_at(sheet), 0.7), 235, 40), looked_at(back), 0.12)
    return scanned_pdf([Image.fromarray(sc.grainy(page, 3, 81))]), (sheet.truth,)


def colour_scan() -> Made:
    """Yellowish paper, blue ink."""
    sheet = letter(83, "sans", 12, words=150)
    page = sc.grainy(sc.blurred(looked_at(sheet), 0.7), 5, 83).astype(np.float64) / 255
    ink, paper = np.array([40, 50, 140.0]), np.array([245, 235, 190.0])
    colours = ink + page[..., None] * (paper - ink)
    return scanned_pdf([Image.fromarray(colours.astype(np.uint8))]), (sheet.truth,)


def on_coloured_paper(paper: tuple[int, int, int], seed: int) -> Made:
    sheet = letter(seed, "sans", 12, words=150)
    page = sc.grainy(sc.blurred(looked_at(sheet), 0.7), 6, seed).astype(np.float64) / 255
    colours = 35 + page[..., None] * (np.array(paper, float) - 35)
    return scanned_pdf([Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))]), (sheet.truth,)


def scan_with_photo() -> Made:
    sheet = Sheet()
    y = sheet.paragraph(sentences(84, 70), (60, 780, 470), 12, "serif")
    sheet.place(sc.portrait((600, 700), 84), (180, y - 300, 240, 280))
    sheet.paragraph(sentences(85, 50), (60, y - 330, 470), 12, "serif")
    page = sc.grainy(sc.on_paper(sc.blurred(looked_at(sheet), 0.7), 240, 30), 4, 84)
    return scanned_pdf([Image.fromarray(page)]), (sheet.truth,)


# Slides.


def slide(
    background: tuple[float, ...], text: tuple[float, ...], seed: int, light: tuple[float, ...] | None = None
) -> Made:
    sheet = Sheet((960, 540))
    sheet.fill(background, (0, 0, 960, 540))
    sheet.write("Quarterly results and outlook", 60, 450, 40, "bold", text)
    for number in range(4):
        sheet.paragraph(sentences(seed + number, 10), (80, 370 - number * 75, 800), 22, "sans", light or text)
    sheet.write("Confidential, for discussion only", 60, 30, 12, "sans", light or text)
    return drawn(sheet)


def slide_with_cards() -> Made:
    sheet = Sheet((960, 540))
    sheet.fill((0.1, 0.15, 0.35), (0, 0, 960, 540))
    sheet.write("Three ways to grow", 60, 460, 36, "bold", (1, 1, 1))
    for number, colour in enumerate(((0.95, 0.95, 0.98), (0.3, 0.55, 0.85), (0.85, 0.4, 0.2))):
        sheet.fill(colour, (60 + number * 290, 80, 260, 330))
        ink = (0.1, 0.1, 0.1) if number == 0 else (1, 1, 1)
        sheet.paragraph(sentences(120 + number, 22), (80 + number * 290, 370, 225), 16, "sans", ink)
    return drawn(sheet)


def slide_on_gradient() -> Made:
    sheet = Sheet((960, 540))
    for step in range(180):
        shade = 0.05 + 0.5 * step / 180
        sheet.fill((shade * 0.5, shade * 0.7, shade), (0, 540 - 3 * step - 3, 960, 3.2))
    sheet.write("From dark to light", 60, 450, 40, "bold", (1, 1, 1))
    for number in range(4):
        sheet.paragraph(sentences(130 + number, 10), (80, 370 - number * 80, 800), 22, "sans", (1, 1, 1))
    return drawn(sheet)


def bar_chart() -> Made:
    sheet = Sheet((960, 540))
    sheet.write("Faxes a month by region", 60, 480, 30, "bold")
    colours = ((0.2, 0.4, 0.8), (0.9, 0.5, 0.1), (0.6, 0.6, 0.6), (0.4, 0.7, 0.3), (0.8, 0.85, 0.95))
    for number, colour in enumerate(colours):
        height = 80 + (number * 97) % 260
        sheet.fill(colour, (100 + number * 160, 80, 110, height))
        sheet.write(f"{height * 31}", 125 + number * 160, 90 + height, 18)
        sheet.write(("North", "South", "East", "West", "Centre")[number], 120 + number * 160, 50, 18)
    for line in range(5):
        sheet.line(0.5, (80, 80 + line * 80, 900, 80 + line * 80), 0.7)
    return drawn(sheet)


# Tables and forms.


def web(html: str, text: str) -> Made:
    file = io.BytesIO()
    weasyprint.HTML(string=html).write_pdf(file)
    return file.getvalue(), (text,)


def coloured_table() -> Made:
    rows, text = [], ["Order", "Date", "Customer", "Amount"]
    for number in range(26):
        cells = [
            f"{4711 + number * 13}",
            f"2025-03-{number % 28 + 1:02}",
            sentences(200 + number, 2)[:22],
            f"{number * 37}.50",
        ]
        text += cells
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    style = (
        "@page{size:A4;margin:18mm} body{font:11pt sans-serif} table{border-collapse:collapse;width:100%}"
        "th{background:#1f4e79;color:white;padding:5pt;text-align:left} td{padding:4pt;border:0.5pt solid #bbb}"
        "tr:nth-child(even) td{background:#dce6f1}"
    )
    head = "".join(f"<th>{cell}</th>" for cell in text[:4])
    return web(f"<style>{style}</style><table><tr>{head}</tr>{''.join(rows)}</table>", " ".join(text))


def shaded_rows(shade: float) -> Made:
    sheet = Sheet()
    for row in range(26):
        y = 770 - row * 24
        if row % 2:
            sheet.fill((shade,), (50, y - 7, 495, 24))
        sheet.write(f"{row + 1}", 60, y, 11)
        sheet.write(sentences(220 + row, 3)[:44], 100, y, 11)
        sheet.write(f"{row * 91}.{row * 7 % 100:02}", 450, y, 11)
    return drawn(sheet)


def hairlines() -> Made:
    sheet = Sheet()
    for row in range(25):
        sheet.line((0.05, 0.1, 0.25, 0.5)[row % 4], (50, 790 - row * 28, 545, 790 - row * 28))
        sheet.write(sentences(250 + row, 5)[:60], 60, 772 - row * 28, 11)
    for column in (50, 300, 545):
        sheet.line(0.1, (column, 118, column, 790))
    return drawn(sheet)


def form() -> Made:
    sheet = Sheet()
    sheet.write("Application for a telephone line", 60, 780, 18, "bold")
    for row in range(12):
        y = 730 - row * 50
        sheet.write(("Name", "Street", "City", "Telephone", "Date", "Reference")[row % 6], 60, y, 9, colour=(0.35,))
        sheet.fill((0.93, 0.95, 1.0), (60, y - 28, 470, 22))
        sheet.line(0.4, (60, y - 28, 530, y - 28), 0.5)
        sheet.write(sentences(270 + row, 4)[:40], 66, y - 22, 12, "mono", (0, 0, 0.6))
    for box in range(5):
        x = 60 + box * 90
        sheet.content.append(f"0 G 0.7 w {x} 90 12 12 re S")
        sheet.write(("One", "Two", "Three", "Four", "Five")[box], x + 18, 92, 10)
    return drawn(sheet)


def stamped() -> Made:
    """A watermark across, and a highlighter over words."""
    sheet = Sheet()
    sheet.content.append("q 0.85 g BT /bold 110 Tf 0.7 0.7 -0.7 0.7 150 200 Tm (DRAFT) Tj ET Q")
    for row in range(0, 24, 3):
        sheet.fill((1, 1, 0.2), (58, 757 - row * 26, 220, 18))
    for row in range(24):
        sheet.write(sentences(290 + row, 8)[:75], 60, 762 - row * 26, 12, "serif")
    return drawn(sheet)


# Photographs.


def photo(image: Image.Image, caption: int = 0) -> Made:
    sheet = Sheet()
    height = min(600.0, 480 * image.height / image.width)
    width = height * image.width / image.height
    sheet.place(image, ((595 - width) / 2, 790 - height, width, height))
    if caption:
        sheet.paragraph(sentences(caption, 30), (60, 760 - height, 470), 12, "serif")
    return drawn(sheet)


def contact_sheet() -> Made:
    sheet = Sheet()
    for number in range(6):
        x, y = 60 + number % 2 * 250, 560 - number // 2 * 250
        picture = (sc.landscape, sc.still_life, sc.portrait)[number % 3]((660, 600), 330 + number)
        sheet.place(picture, (x, y, 220, 200))
        sheet.write(f"Picture {number + 1}", x, y - 18, 11)
    return drawn(sheet)


def full_page() -> Made:
    sheet = Sheet()
    sheet.place(sc.still_life((1190, 1684), 340), (0, 0, 595.28, 841.89))
    return drawn(sheet)


def in_colour(image: Image.Image, seed: int) -> Image.Image:
    """Each shade in a colour of its own, as bright as it was or nearly."""
    grey = np.asarray(image, float)
    tint = sc.cloud((image.height, image.width), seed, 1.7)[..., None]
    warm, cold = np.array([1.25, 0.95, 0.6]), np.array([0.7, 1.0, 1.3])
    colours = grey[..., None] * (warm * tint + cold * (1 - tint))
    return Image.fromarray(np.clip(colours, 0, 255).astype(np.uint8))


# Papers.


def rotated() -> Made:
    sheet = letter(400, size=12)
    sheet.rotate = 90
    return drawn(sheet)


def mixed() -> Made:
    return drawn(
        letter(410), letter(411, page=(841.89, 595.28)), letter(412, page=LETTER), letter(413, page=LEGAL, words=300)
    )


def poster() -> Made:
    """A0, its text as large as it is."""
    sheet = Sheet((2383.94, 3370.39))
    sheet.write("The poster of a congress", 240, 3000, 110, "bold")
    sheet.paragraph(sentences(420, 110), (240, 2750, 1900), 52, "sans")
    return drawn(sheet)


GROUPS: dict[str, dict[str, Callable[[], Made]]] = {
    "text": {
        "letter sans": lambda: drawn(letter(1)),
        "letter serif": lambda: drawn(letter(2, "serif", 12)),
        "letter mono": lambda: drawn(letter(3, "mono", 10)),
        "letter italic": lambda: drawn(letter(4, "italic", 12)),
        "long letter": lambda: drawn(*(letter(number, "serif", 11, words=420) for number in range(5, 8))),
        "columns": columns,
        "small print": small_print,
        "price list": price_list,
        "shades of grey": greys,
        "coloured text": coloured_text,
        "sizes": sizes,
        "Chinese": lambda: foreign(CHINESE, "font-family:'Droid Sans Fallback','Noto Sans CJK SC'"),
        "Arabic": lambda: foreign(ARABIC, "direction:rtl;font-family:'DejaVu Sans','Noto Sans Arabic'"),
    },
    "scans": {
        "clean": lambda: scan(lambda page: sc.on_paper(page, 245, 30), 70),
        "grainy": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 240, 40), 8, 71), 71),
        "coarse grain": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 235, 40), 18, 72), 72),
        "skewed": lambda: scan(lambda page: sc.grainy(sc.on_paper(sc.skewed(page, 1.7), 240, 35), 4, 73), 73),
        "gutter": lambda: scan(lambda page: sc.grainy(sc.shadowed(sc.on_paper(page, 240, 30), 0.25, 0.25), 4, 74), 74),
        "by camera": lambda: scan(
            lambda page: sc.grainy(sc.unevenly_lit(sc.on_paper(page, 235, 40), 0.4, 75), 5, 75), 75
        ),
        "faint": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 240, 165), 4, 76), 76),
        "grey paper": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 165, 40), 5, 77), 77),
        "dusty": lambda: scan(lambda page: sc.dusty(sc.grainy(sc.on_paper(page, 240, 35), 4, 78), 900, 78), 78),
        "300 dpi": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 242, 35), 7, 79), 79, dpi=300),
        "bad JPEG": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 240, 35), 5, 69), 69, quality=25),
        "bilevel": bilevel_scan,
        "shining through": shining_through,
        "in colour": colour_scan,
        "with a photograph": scan_with_photo,
        "pink paper": lambda: on_coloured_paper((245, 190, 200), 86),
        "green paper": lambda: on_coloured_paper((150, 215, 160), 87),
        "skewed in shadow": lambda: scan(
            lambda page: sc.grainy(sc.shadowed(sc.on_paper(sc.skewed(page, -2.3), 235, 40), 0.35, 0.3), 6, 88), 88
        ),
        "100 dpi": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 240, 35), 4, 89), 89, "sans", 100, 60),
        "150 dpi": lambda: scan(lambda page: sc.grainy(sc.on_paper(page, 240, 35), 6, 90), 90, "serif", 150, 40),
    },
    "slides": {
        "white on blue": lambda: slide((0.1, 0.2, 0.45), (1, 1, 1), 100),
        "light grey on black": lambda: slide((0.05,), (1,), 104, (0.7,)),
        "white on mid grey": lambda: slide((0.55,), (1,), 108),
        "white on orange": lambda: slide((0.95, 0.55, 0.15), (1, 1, 1), 112),
        "light grey on white": lambda: slide((1,), (0.3,), 116, (0.68,)),
        "cards": slide_with_cards,
        "on a gradient": slide_on_gradient,
        "bar chart": bar_chart,
    },
    "tables": {
        "coloured table": coloured_table,
        "light rows": lambda: shaded_rows(0.9),
        "grey rows": lambda: shaded_rows(0.75),
        "hairlines": hairlines,
    },
    "forms": {
        "form": form,
        "filled form": filled_form,
        "annotated": annotated,
        "watermark": stamped,
    },
    "photographs": {
        "landscape": lambda: photo(sc.landscape((1400, 1000), 300), 301),
        "still life": lambda: photo(sc.still_life((1400, 1000), 310)),
        "portrait": lambda: photo(sc.portrait((1000, 1300), 320), 321),
        "contact sheet": contact_sheet,
        "full page": full_page,
        "in colour": lambda: photo(in_colour(sc.landscape((1300, 1000), 350), 350), 351),
        "light": lambda: photo(sc.landscape((1200, 900), 360).point(lambda level: 150 + level * 105 // 255), 361),
        "dark": lambda: photo(sc.portrait((1000, 1000), 370).point(lambda level: level * 140 // 255), 371),
    },
    "papers": {
        "rotated": rotated,
        "mixed sizes": mixed,
        "A0 poster": poster,
        "A6 card": lambda: drawn(letter(430, size=8, page=(297.64, 419.53), words=45)),
        "A5 leaflet": lambda: drawn(letter(431, "serif", 9, (419.53, 595.28), 110)),
        "A3 plan": lambda: drawn(letter(432, size=18, page=(841.89, 1190.55), words=250)),
        "Letter": lambda: drawn(letter(440, page=LETTER)),
        "Legal": lambda: drawn(letter(441, page=LEGAL, words=330)),
    },
}

LANGUAGES = {"Chinese": "chi_sim", "Arabic": "ara"}
QUICK = frozenset({"letter sans", "grainy", "cards", "grey rows", "landscape"})
