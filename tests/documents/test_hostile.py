"""Hostile documents end in a refusal that names them, within their limits, and never in ours."""

import struct
import time
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import ImageFont

from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from gateway.sandbox import PRELOAD, Limits, Sandbox
from tests.documents import papers
from tests.documents.papers import arrow, image_bytes
from tests.warm import WarmServers

LIMITS = Limits(cpu=5, wall=15)


@pytest.fixture
async def sandbox(warm: WarmServers) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=1, quick=1, boot=warm.boot)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture
def data(request: pytest.FixtureRequest) -> bytes:
    """The document; made here where that takes long, for tests are collected more often than run."""
    made: bytes | Callable[[], bytes] = request.param
    return made if isinstance(made, bytes) else made()


def png_of(width: int, height: int) -> bytes:
    """A bilevel PNG of any size, all white, in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!L", len(data)) + name + data + struct.pack("!L", zlib.crc32(name + data))

    row = b"\0" + b"\xff" * ((width + 7) // 8)
    packed = zlib.compress(row * min(height, 1000), 9)
    header = struct.pack("!LLBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def with_media_box(*box: float) -> bytes:
    made = papers.pdf(papers.line_of("Hello"))
    made.pages[0].MediaBox = Array(list(box))
    return papers.saved(made)


def page_loop() -> bytes:
    made = papers.pdf(b"")
    made.Root.Pages.Kids = Array([made.Root.Pages])
    return papers.saved(made)


def doubly_packed(size: int) -> bytes:
    made = papers.pdf(b"")
    packed = zlib.compress(zlib.compress(bytes(size), 9), 9)
    content = made.make_stream(packed)
    content.write(packed, filter=Array([Name.FlateDecode, Name.FlateDecode]))
    made.pages[0].Contents = content
    file = BytesIO()
    made.save(file, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    return file.getvalue()


def tiff_of(width: int, height: int) -> bytes:
    """A bilevel TIFF of any size in one strip of some bytes (TIFF 6.0, section 2)."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 1), (259, 3, 4), (262, 3, 0), (273, 4, 8), (278, 4, height)]
    tags.append((279, 4, 4))
    entries = b"".join(struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<L", 12) + b"\xff" * 4 + struct.pack("<H", len(tags)) + entries + bytes(4)


def gif_of(width: int, height: int) -> bytes:
    """A GIF of any size up to 65,535 squared with next to nothing in it."""
    size = struct.pack("<HH", width, height)
    colours = b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + size + b"\x80\0\0" + colours + b"," + bytes(4) + size + b"\0\x02\x02\x4c\x01\0;"


def deep_page_tree(depth: int) -> bytes:
    """A page below so many nodes of the page tree (ISO 32000-1, 7.7.3)."""
    made = papers.pdf(papers.line_of("Hello"))
    node = made.pages[0].obj
    for _ in range(depth):
        node = made.make_indirect(Dictionary(Type=Name.Pages, Kids=Array([node]), Count=1))
        node.Kids[0].Parent = node
    made.Root.Pages = node
    file = BytesIO()
    made.save(file)
    return file.getvalue()


def with_font_file(data: bytes) -> bytes:
    """A line in a font that is embedded, and is this."""
    made = papers.pdf(papers.line_of("Hello"))
    for font in made.pages[0].Resources.Font.values():
        font.Subtype, font.BaseFont = Name.TrueType, Name.Broken
        font.FontDescriptor = made.make_indirect(
            Dictionary(Type=Name.FontDescriptor, FontName=Name.Broken, Flags=4, FontFile2=made.make_stream(data))
        )
    return papers.saved(made)


WHOLE = papers.letter(3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"", Kind.PDF, id="empty"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)) * 40, Kind.PDF, id="garbage"),
        pytest.param(lambda: WHOLE[: len(WHOLE) // 4], Kind.PDF, id="truncated"),
        pytest.param(lambda: papers.saved(pikepdf.new()), Kind.PDF, id="no pages"),
        pytest.param(page_loop, Kind.PDF, id="pages in a circle"),
        pytest.param(lambda: deep_page_tree(20_000), Kind.PDF, id="a page tree 20,000 deep"),
        pytest.param(lambda: papers.letter(10_000), Kind.PDF, id="10,000 pages"),
        pytest.param(lambda: with_media_box(0, 0, 1e9, 1e9), Kind.PDF, id="MediaBox of 350 km"),
        pytest.param(papers.bomb_pdf, Kind.PDF, id="10^9 drawings"),
        pytest.param(lambda: png_of(200_000, 200_000), Kind.PNG, id="PNG bomb"),
        pytest.param(lambda: png_of(30_000, 30_000), Kind.PNG, id="PNG of 30,000 squared"),
        pytest.param(lambda: image_bytes(arrow(), "PNG")[:500], Kind.PNG, id="PNG truncated"),
        pytest.param(lambda: image_bytes(arrow(), "JPEG")[:2000], Kind.JPEG, id="JPEG truncated"),
        pytest.param(lambda: image_bytes(arrow(), "TIFF")[:4000], Kind.TIFF, id="TIFF truncated"),
        pytest.param(lambda: tiff_of(200_000, 200_000), Kind.TIFF, id="TIFF bomb"),
        pytest.param(lambda: gif_of(65_535, 65_535), Kind.GIF, id="GIF bomb"),
        pytest.param(b"II*\0" + b"\xff" * 100, Kind.TIFF, id="TIFF garbage"),
        pytest.param(lambda: image_bytes(arrow("P"), "GIF")[:30], Kind.GIF, id="GIF truncated"),
        pytest.param(b"line\n" * 700_000, Kind.TEXT, id="text without end"),
        pytest.param(b"%!PS-Adobe", Kind.POSTSCRIPT, id="PostScript"),
    ],
    indirect=["data"],
)
async def test_refused(sandbox: Sandbox, tmp_path: Path, data: bytes, kind: Kind) -> None:
    source = papers.file(tmp_path / "in", data)
    begun = time.perf_counter()
    with pytest.raises(DocumentRefused) as caught:
        await sandbox.run(
            prepare, [(source, str(kind), "evil.pdf")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 500, limits=LIMITS
        )
    assert time.perf_counter() - begun < 30
    assert '"evil.pdf"' in caught.value.text or "within the limits" in caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: with_media_box(0, 0, 0, 0), id="MediaBox of nothing"),
        pytest.param(lambda: with_media_box(595, 842, 0, 0), id="MediaBox the other way round"),
        pytest.param(lambda: papers.saved(papers.pdf(b"q " * 2_000_000 + papers.line_of("Hello"))), id="two million q"),
        pytest.param(lambda: doubly_packed(100 << 20), id="100 MiB packed twice"),
        pytest.param(lambda: papers.bomb_pdf(width=1, depth=3000), id="forms in forms, 3,000 deep"),
        pytest.param(lambda: with_font_file(b"\0\1\0\0" + b"\xff" * 3000), id="a font of garbage"),
        pytest.param(lambda: with_font_file(b""), id="an empty font"),
    ],
    indirect=True,
)
async def test_odd_but_possible(sandbox: Sandbox, tmp_path: Path, data: bytes) -> None:
    source = papers.file(tmp_path / "in", data)
    sources = [(source, str(Kind.PDF), "odd.pdf")]
    assert await sandbox.run(prepare, sources, tmp_path / "fax.pdf", tmp_path / "fax.tif", 500) == 1


async def test_tables_in_tables_end_in_a_refusal(sandbox: Sandbox, tmp_path: Path) -> None:
    source = papers.file(tmp_path / "in", b"<html><body>" + b"<table><tr><td>" * 600 + b"x")
    with pytest.raises(DocumentRefused, match=r"nested too deep|within the limits"):
        await sandbox.run(
            prepare,
            [(source, str(Kind.HTML), "evil.html")],
            tmp_path / "fax.pdf",
            tmp_path / "fax.tif",
            500,
            limits=Limits(cpu=1, wall=30),
        )


async def test_a_look_is_quick_even_at_the_hostile(sandbox: Sandbox) -> None:
    for data, kind in ((papers.bomb_pdf(), Kind.PDF), (papers.letter(400), Kind.PDF)):
        assert await sandbox.quick(inspect, data, str(kind), "a.pdf")
    with pytest.raises(DocumentRefused, match="million pixels"):
        await sandbox.quick(inspect, png_of(200_000, 200_000), str(Kind.PNG), "a.png")


async def test_fonts_that_came_with_a_document_are_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody removes what a worker leaves where temporary files are: enough of such mails would fill the disk.
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    source = f"data:font/ttf;base64,{b64encode(font.font_bytes).decode()}"
    letter = f"<style>@font-face {{ font-family: Its; src: url({source}) }} p {{ font-family: Its }}</style><p>Hello"
    document = papers.file(tmp_path / "letter.html", letter.encode())
    sandbox = Sandbox(children=1, quick=0, preload=PRELOAD)
    await sandbox.start()
    try:
        made = tmp_path / "out.pdf", tmp_path / "out.tif"
        assert await sandbox.run(prepare, [(document, Kind.HTML, "letter.html")], *made, 9, limits=LIMITS) == 1
    finally:
        await sandbox.stop()
    with pikepdf.open(made[0]) as pdf:
        assert "+Its" in str(pdf.pages[0].Resources.Font)  # it was unpacked
    assert list(temporary.iterdir()) == []
