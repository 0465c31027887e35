"""Images of every sort end upright, opaque and whole on a page of the normalised PDF, and so on the fax."""

import struct
import zlib
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pikepdf
import pillow_heif
import pytest
from PIL import Image

from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind, kind_of
from gateway.documents.normalise import laid_out
from gateway.documents.paper import A4, LETTER
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from tests.documents import papers
from tests.documents.papers import arrow, image_bytes

UPRIGHT = arrow()
ORIENTATION = 0x0112


STORED = {
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""How an image lies that has this EXIF orientation."""


def turned_by_exif(form: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return image_bytes(UPRIGHT.transpose(STORED[orientation]), form, exif=exif)


def transparent(mode: str, form: str = "PNG", **options: object) -> bytes:
    """Black under what is transparent."""
    image = Image.new("RGBA", UPRIGHT.size, (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 150, 200))
    return image_bytes(image.convert(mode), form, **options)


def palette_with_transparency() -> bytes:
    image = Image.new("P", UPRIGHT.size, 1)
    image.putpalette([0, 0, 0, 10, 10, 10])
    image.paste(0, (0, 0, 150, 200))
    return image_bytes(image, "GIF", transparency=1)


def sixteen_bits(form: str) -> bytes:
    levels = np.asarray(UPRIGHT.convert("L")).astype(np.uint16) * 257
    return image_bytes(Image.fromarray(levels), form)


def animated(form: str = "GIF") -> bytes:
    others = [Image.new("P", UPRIGHT.size, 0) for _ in range(3)]
    return image_bytes(UPRIGHT.convert("P"), form, save_all=True, append_images=others)


def heic(orientation: int = 1) -> bytes:
    """As a phone takes it: HEVC, turned by EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = UPRIGHT.transpose(STORED[orientation]) if orientation != 1 else UPRIGHT
    made = pillow_heif.from_pillow(stored)
    file = BytesIO()
    made.save(file, exif=exif.tobytes(), quality=90)
    return file.getvalue()


def tiff(mode: str, compression: str) -> bytes:
    return image_bytes(arrow(mode), "TIFF", compression=compression)


def sixteen_bits_in_colour() -> bytes:
    levels = np.asarray(UPRIGHT).astype(">u2") * 257

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!L", len(data)) + name + data + struct.pack("!L", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in levels)
    header = struct.pack("!LLBBBBB", *UPRIGHT.size, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def old_jpeg() -> bytes:
    """A TIFF with the JPEG of TIFF 6.0, which was given up for another (section 22, "old" JPEG)."""
    packed = image_bytes(UPRIGHT, "JPEG")
    width, height = UPRIGHT.size
    at = 8 + 2 + 12 * 12 + 4
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, at), (259, 3, 1, 6), (262, 3, 1, 6), (273, 4, 1, at + 6),
        (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(packed)), (513, 4, 1, at + 6), (514, 4, 1, len(packed)),
        (530, 3, 2, 2 | 2 << 16),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + struct.pack("<I", 0)
    return head + struct.pack("<HHH", 8, 8, 8) + packed


def with_thumbnail() -> bytes:
    thumbnail = UPRIGHT.resize((60, 80))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    return image_bytes(UPRIGHT, "TIFF", save_all=True, append_images=[thumbnail])


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: image_bytes(UPRIGHT, "JPEG"), id="JPEG"),
        *(
            pytest.param(partial(turned_by_exif, form, orientation), id=f"{form} of orientation {orientation}")
            for form in ("JPEG", "PNG", "TIFF")
            for orientation in STORED
        ),
        pytest.param(lambda: image_bytes(arrow("CMYK"), "JPEG"), id="JPEG CMYK"),
        pytest.param(lambda: image_bytes(arrow("CMYK"), "TIFF"), id="TIFF CMYK"),
        pytest.param(lambda: image_bytes(arrow("L"), "JPEG", progressive=True), id="JPEG progressive"),
        pytest.param(lambda: transparent("RGBA"), id="PNG RGBA"),
        pytest.param(lambda: transparent("LA"), id="PNG LA"),
        pytest.param(palette_with_transparency, id="GIF transparent"),
        pytest.param(animated, id="GIF animated"),
        pytest.param(lambda: image_bytes(arrow("P"), "PNG"), id="PNG palette"),
        pytest.param(lambda: image_bytes(arrow("1"), "PNG"), id="PNG bilevel"),
        pytest.param(lambda: sixteen_bits("PNG"), id="PNG 16 bit"),
        pytest.param(lambda: sixteen_bits("TIFF"), id="TIFF 16 bit"),
        pytest.param(with_thumbnail, id="TIFF with thumbnail"),
        pytest.param(lambda: image_bytes(arrow("1"), "TIFF", compression="group4"), id="TIFF G4"),
        pytest.param(lambda: image_bytes(arrow("1"), "TIFF", compression="group3"), id="TIFF G3"),
        pytest.param(lambda: image_bytes(arrow("1"), "TIFF", compression="group3", tiffinfo={292: 1}), id="TIFF G3 2D"),
        pytest.param(lambda: image_bytes(arrow("1"), "TIFF", compression="tiff_ccitt"), id="TIFF RLE"),
        *(
            pytest.param(partial(tiff, mode, compression), id=f"TIFF {compression} {mode}")
            for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd")
            for mode in ("L", "RGB")
        ),
        pytest.param(lambda: image_bytes(arrow("1"), "TIFF", compression="packbits"), id="TIFF packbits 1"),
        pytest.param(lambda: image_bytes(arrow("CMYK"), "TIFF", compression="tiff_lzw"), id="TIFF LZW CMYK"),
        pytest.param(old_jpeg, id="TIFF old JPEG"),
        pytest.param(lambda: image_bytes(UPRIGHT, "BMP"), id="BMP"),
        pytest.param(lambda: image_bytes(arrow("1"), "BMP"), id="BMP bilevel"),
        pytest.param(lambda: image_bytes(arrow("P"), "BMP"), id="BMP palette"),
        pytest.param(lambda: image_bytes(UPRIGHT, "WEBP"), id="WebP"),
        pytest.param(lambda: transparent("RGBA", "WEBP", lossless=True), id="WebP transparent"),
        pytest.param(lambda: animated("WEBP"), id="WebP animated"),
        pytest.param(lambda: image_bytes(UPRIGHT, "AVIF"), id="AVIF"),
        pytest.param(heic, id="HEIC"),
        *(pytest.param(partial(heic, orientation), id=f"HEIC of orientation {orientation}") for orientation in STORED),
        pytest.param(sixteen_bits_in_colour, id="PNG 16 bit in colour"),
        pytest.param(lambda: image_bytes(arrow(size=(6000, 8000)), "PNG"), id="PNG large"),
        pytest.param(lambda: image_bytes(arrow(size=(6000, 8000)), "JPEG"), id="JPEG large"),
    ],
)
def test_the_block_is_where_it_belongs(tmp_path: Path, made: Callable[[], bytes]) -> None:
    data = made()
    source = papers.file(tmp_path / "in", data)
    image = tmp_path / "fax.tif"
    assert prepare([(source, kind_of(data), "in")], tmp_path / "fax.pdf", image, 10) == 1
    (page,) = papers.pages_of(image)
    left, top, right, bottom = papers.inked(page)
    width, height = (right - left + 1) / 204, (bottom - top + 1) / 196
    assert width / height == pytest.approx(600 / 800, rel=0.02)
    assert right < 0.4 * 1728
    assert bottom < 0.4 * page.shape[0]
    assert page[top : bottom + 1, left : right + 1].mean() > 0.97


def test_every_page_of_a_tiff(tmp_path: Path) -> None:
    pages = [arrow(size=size) for size in ((600, 800), (800, 600), (300, 300))]
    source = papers.file(tmp_path / "in", image_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert prepare([(source, Kind.TIFF, "in")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 10) == 3


@pytest.mark.parametrize(("dpi", "height"), [((204, 98), 2), ((204, 196), 204 / 196), ((300, 300), 1), ((0, 0), 1)])
def test_pixels_need_not_be_square(tmp_path: Path, dpi: tuple[int, int], height: float) -> None:
    image = arrow("1", size=(1000, 600))
    source = papers.file(tmp_path / "in", image_bytes(image, "TIFF", compression="group4", dpi=dpi))
    prepare([(source, Kind.TIFF, "in")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 10)
    with pikepdf.open(tmp_path / "fax.pdf") as pdf:
        across, _, _, down = _placed(pdf.pages[0])
        assert down / across == pytest.approx(600 * (2.0816 if height == 2 else height) / 1000, rel=0.001)


def _placed(page: pikepdf.Page) -> list[float]:
    """The scales of the matrix under which the image is drawn."""
    for instruction in pikepdf.parse_content_stream(page):
        if isinstance(instruction, pikepdf.ContentStreamInstruction) and str(instruction.operator) == "cm":
            return [float(value) for value in list(instruction.operands)[:4]]
    raise AssertionError("no image is drawn")


@pytest.mark.parametrize("paper", [A4, LETTER])
@pytest.mark.parametrize("size", [(1700, 2200), (2200, 1700), (10000, 100), (100, 10000), (10, 10), (3000, 3000)])
def test_images_fit_on_the_paper(paper: object, size: tuple[int, int]) -> None:
    assert paper in (A4, LETTER)
    sheet = A4 if paper is A4 else LETTER
    page_width, page_height, width, height = laid_out(*size, sheet)
    assert sorted((page_width, page_height)) == [sheet.width, sheet.height]
    assert width <= page_width + 1e-6
    assert height <= page_height + 1e-6
    assert width / height == pytest.approx(size[0] / size[1])
    assert width <= size[0]


def test_a_bilevel_scan_keeps_its_pixels_in_the_pdf(tmp_path: Path) -> None:
    scan = Image.fromarray(~papers.text_page(2000)).resize((2480, 3508))
    source = papers.file(tmp_path / "in", image_bytes(scan, "TIFF", compression="group4", dpi=(300, 300)))
    prepare([(source, Kind.TIFF, "in")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 10)
    with pikepdf.open(tmp_path / "fax.pdf") as pdf:
        assert np.array_equal(papers.image_on(pdf.pages[0]), ~np.asarray(scan))


def test_a_tiff_whose_compression_nobody_knows_is_refused_by_it() -> None:
    whole = image_bytes(UPRIGHT, "TIFF", compression="tiff_lzw")
    at = whole.index(struct.pack("<HHIH", 259, 3, 1, 5))
    webp = whole[: at + 8] + struct.pack("<H", 50001) + whole[at + 10 :]
    with pytest.raises(DocumentRefused, match=r'"scan.tif" is a TIFF with a compression \(50001\)'):
        inspect(webp, Kind.TIFF, "scan.tif")


@pytest.mark.parametrize("form", ["BMP", "WEBP", "AVIF", "HEIF"])
def test_a_picture_cut_short_is_refused_by_name(tmp_path: Path, form: str) -> None:
    whole = heic() if form == "HEIF" else image_bytes(UPRIGHT, form)
    source = papers.file(tmp_path / "in", whole[: len(whole) // 2])
    with pytest.raises(DocumentRefused, match=r'"a" is damaged'):
        prepare([(source, kind_of(whole), "a")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 10)
