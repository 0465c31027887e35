"""Hostile documents end in a refusal that names them, within their limits, and never in ours."""

import struct
import time
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Name

from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from gateway.sandbox import PRELOAD, Limits, Sandbox
from tests.documents import papers
from tests.documents.papers import arrow, image_bytes

LIMITS = Limits(cpu=5, wall=15)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=1, quick=1, preload=PRELOAD)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


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


WHOLE = papers.letter(3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"", Kind.PDF, id="empty"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)) * 40, Kind.PDF, id="garbage"),
        pytest.param(WHOLE[: len(WHOLE) // 4], Kind.PDF, id="truncated"),
        pytest.param(papers.saved(pikepdf.new()), Kind.PDF, id="no pages"),
        pytest.param(page_loop(), Kind.PDF, id="pages in a circle"),
        pytest.param(papers.letter(10_000), Kind.PDF, id="10,000 pages"),
        pytest.param(with_media_box(0, 0, 1e9, 1e9), Kind.PDF, id="MediaBox of 350 km"),
        pytest.param(papers.bomb_pdf(), Kind.PDF, id="10^9 drawings"),
        pytest.param(png_of(200_000, 200_000), Kind.PNG, id="PNG bomb"),
        pytest.param(png_of(30_000, 30_000), Kind.PNG, id="PNG of 30,000 squared"),
        pytest.param(image_bytes(arrow(), "PNG")[:500], Kind.PNG, id="PNG truncated"),
        pytest.param(image_bytes(arrow(), "JPEG")[:2000], Kind.JPEG, id="JPEG truncated"),
        pytest.param(image_bytes(arrow(), "TIFF")[:4000], Kind.TIFF, id="TIFF truncated"),
        pytest.param(b"II*\0" + b"\xff" * 100, Kind.TIFF, id="TIFF garbage"),
        pytest.param(image_bytes(arrow("P"), "GIF")[:30], Kind.GIF, id="GIF truncated"),
        pytest.param(b"line\n" * 700_000, Kind.TEXT, id="text without end"),
        pytest.param(b"%!PS-Adobe", Kind.POSTSCRIPT, id="PostScript"),
    ],
)
async def test_refused(sandbox: Sandbox, tmp_path: Path, data: bytes, kind: Kind) -> None:
    source = papers.file(tmp_path / "in", data)
    begun = time.perf_counter()
    with pytest.raises(DocumentRefused) as caught:
        await sandbox.run(
            prepare, [(source, str(kind), "evil.pdf")], tmp_path / "fax.pdf", tmp_path / "fax.tif", 500, limits=LIMITS
        )
    assert time.perf_counter() - begun < 14
    assert '"evil.pdf"' in caught.value.text or "within the limits" in caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_media_box(0, 0, 0, 0), id="MediaBox of nothing"),
        pytest.param(with_media_box(595, 842, 0, 0), id="MediaBox the other way round"),
        pytest.param(papers.saved(papers.pdf(b"q " * 2_000_000 + papers.line_of("Hello"))), id="two million q"),
        pytest.param(doubly_packed(100 << 20), id="100 MiB packed twice"),
    ],
)
async def test_odd_but_possible(sandbox: Sandbox, tmp_path: Path, data: bytes) -> None:
    source = papers.file(tmp_path / "in", data)
    sources = [(source, str(Kind.PDF), "odd.pdf")]
    assert await sandbox.run(prepare, sources, tmp_path / "fax.pdf", tmp_path / "fax.tif", 500) == 1


async def test_a_look_is_quick_even_at_the_hostile(sandbox: Sandbox) -> None:
    for data, kind in ((papers.bomb_pdf(), Kind.PDF), (papers.letter(400), Kind.PDF)):
        assert await sandbox.quick(inspect, data, str(kind), "a.pdf")
    with pytest.raises(DocumentRefused, match="million pixels"):
        await sandbox.quick(inspect, png_of(200_000, 200_000), str(Kind.PNG), "a.png")
