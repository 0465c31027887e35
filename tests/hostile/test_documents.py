"""Hostile documents in the worker that opens them: each is refused, or faxed without doing what it asks for, in its
time, and the worker's memory is measured. Those of which only the refusal is interesting are in
`tests.documents.test_hostile`, those of LibreOffice in `tests.documents.test_office`.
"""

import io
import resource
import socket
import struct
import time
import zipfile
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pikepdf
import pytest
import pytest_asyncio
from PIL import Image

from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from gateway.sandbox import PRELOAD, Limits, Sandbox
from tests.documents import papers

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = Limits(cpu=8, wall=20)
MOST_MIB = 700
"""Of a worker; what it may have of address space is 1 GiB."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=1, quick=1, preload=PRELOAD)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


def measured(told: Path, *args: object) -> int:
    """`prepare`, which also tells what the worker needed, however it ends."""
    try:
        return prepare(*args)  # type: ignore[arg-type]
    finally:
        told.write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10))


def jpeg_of(width: int, height: int) -> bytes:
    """A small JPEG that says it is larger (ITU-T T.81 B.2.2)."""
    file = io.BytesIO()
    Image.new("L", (16, 16), 255).save(file, "JPEG")
    octets = bytearray(file.getvalue())
    frame = octets.index(b"\xff\xc0")
    octets[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(octets)


def png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack("!L", len(data)) + name + data + struct.pack("!L", zlib.crc32(name + data))

    header = struct.pack("!LLBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_of_text(size: int) -> bytes:
    """A PNG whose comment unpacks to that (PNG 11.3.3.3: zTXt)."""
    file = io.BytesIO()
    Image.new("1", (200, 200), 1).save(file, "PNG")
    octets = file.getvalue()
    data = b"Comment\0\0" + zlib.compress(bytes(size), 1)
    chunk = struct.pack("!L", len(data)) + b"zTXt" + data + struct.pack("!L", zlib.crc32(b"zTXt" + data))
    return octets[:33] + chunk + octets[33:]


def tiff_chain(pages: int, *, loop: bool = False, reduced: bool = False) -> bytes:
    """A TIFF of that many directories over one strip; in a loop the last points at the first (TIFF 6.0, section 2)."""
    tags = [(254, 4, int(reduced)), (256, 4, 64), (257, 4, 64), (258, 3, 1), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (278, 4, 64), (279, 4, 512)]
    entries = b"".join(struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in tags)
    size = 2 + len(entries) + 4
    first = 8 + 512
    made = bytearray(b"II*\0" + struct.pack("<L", first) + bytes(512))
    for page in range(pages):
        after = first + (page + 1) * size if page + 1 < pages else first if loop else 0
        made += struct.pack("<H", len(tags)) + entries + struct.pack("<L", after)
    return bytes(made)


def tiff_of_absurd_tags() -> bytes:
    """Counts and offsets of all tags are as large as can be."""
    tags = [(256, 4, 64), (257, 4, 64), (258, 3, 1), (259, 3, 1), (262, 3, 1)]
    entries = b"".join(struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in tags)
    absurd = b"".join(struct.pack("<HHLL", tag, 12, 0xFFFFFFFF, 0xFFFFFFF0) for tag in (270, 273, 279, 320, 700, 34665))
    return b"II*\0" + struct.pack("<LH", 8, 11) + entries + absurd + bytes(4)


def gif_of_frames(frames: int) -> bytes:
    shown = [Image.new("1", (8, 8), number % 2) for number in range(frames)]
    file = io.BytesIO()
    shown[0].save(file, "GIF", save_all=True, append_images=shown[1:], duration=10)
    return file.getvalue()


def pdf_with(change: Callable[[pikepdf.Pdf], None]) -> bytes:
    made, file = papers.pdf(papers.line_of("Hello")), io.BytesIO()
    change(made)
    made.save(file, fix_metadata_version=False)  # or it would look into what it is to write
    return file.getvalue()


def cyclic(made: pikepdf.Pdf) -> None:
    """Resources that hold themselves, a form that draws itself."""
    form = made.make_stream(b"/Itself Do", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form)
    form.BBox = [0, 0, 100, 100]
    form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Itself=form))
    made.pages[0].Resources.XObject = pikepdf.Dictionary(Itself=form)
    made.pages[0].Contents = made.make_stream(b"/Itself Do " + papers.line_of("Hello"))
    circle = made.make_indirect(pikepdf.Dictionary())
    circle.Self = circle
    made.Root.Metadata = circle


def many_objects() -> bytes:
    many = b"".join(b"%d 0 obj null endobj\n" % number for number in range(10, 300_010))
    return papers.letter(1).replace(b"%%EOF", b"") + many + b"trailer <</Root 1 0 R>>\n%%EOF\n"


def busy(made: pikepdf.Pdf) -> None:
    """Everything that asks a reader to do something (ISO 32000-1, 12.6.4)."""
    actions = [
        pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="while (true) {}"),
        pikepdf.Dictionary(S=pikepdf.Name.Launch, F="/bin/sh", Win=pikepdf.Dictionary(F="cmd.exe")),
        pikepdf.Dictionary(S=pikepdf.Name.URI, URI="http://127.0.0.1:1/"),
        pikepdf.Dictionary(S=pikepdf.Name.SubmitForm, F="http://127.0.0.1:1/"),
        pikepdf.Dictionary(S=pikepdf.Name.GoToR, F="file:///etc/passwd", D=[0, pikepdf.Name.Fit]),
    ]
    made.Root.OpenAction = made.make_indirect(actions[0])
    made.Root.AA = pikepdf.Dictionary(WC=actions[1], WS=actions[2])
    made.pages[0].AA = pikepdf.Dictionary(O=actions[1], C=actions[3])
    made.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=["a", actions[0]]))
    made.attachments["evil.exe"] = pikepdf.AttachedFileSpec(made, b"MZ" + bytes(1 << 20), filename="../../evil.exe")


def flate_of(size: int) -> Callable[[pikepdf.Pdf], None]:
    """A picture whose octets unpack a thousandfold."""

    def change(made: pikepdf.Pdf) -> None:
        packed = zlib.compress(bytes(size), 1)
        picture = pikepdf.Stream(made, packed, Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image)
        picture.Width, picture.Height, picture.BitsPerComponent = 1, size, 8
        picture.ColorSpace, picture.Filter = pikepdf.Name.DeviceGray, pikepdf.Name.FlateDecode
        made.pages[0].Resources.XObject = pikepdf.Dictionary(Bomb=picture)
        made.pages[0].Contents = made.make_stream(b"q 500 0 0 500 0 0 cm /Bomb Do Q " + papers.line_of("Hello"))

    return change


def locked() -> bytes:
    file = io.BytesIO()
    papers.pdf(papers.line_of("Hello")).save(file, encryption=pikepdf.Encryption(owner="o", user="u"))
    return file.getvalue()


SVG = b"""<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY f SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&b;&f;</text>
<image href="http://127.0.0.1:1/a.png"/></svg>"""
"""No kind that is faxed; within HTML see `test_an_svg_reads_and_fetches_nothing`."""


def archive(names: int, *, within: int = 0) -> bytes:
    """A DOCX of so many files; within so many archives."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("[Content_Types].xml", Kind.DOCX.value)
        for number in range(names):
            made.writestr(f"word/{number}", b"")
    if not within:
        return file.getvalue()
    around = io.BytesIO()
    with zipfile.ZipFile(around, "w") as made:
        for number in range(10):
            made.writestr(f"{number}.zip", archive(names, within=within - 1))
    return around.getvalue()


REFUSED = {
    "DOCX of 20,000 files": (lambda: archive(20_000), Kind.DOCX),
    "ZIP in ZIP, four deep": (lambda: archive(1, within=4), Kind.ZIP),
    "SVG": (lambda: SVG, Kind.UNKNOWN),
    "PNG of 60,000 squared": (lambda: png_of(60_000, 60_000), Kind.PNG),
    "JPEG of 65,500 squared": (lambda: jpeg_of(65_500, 65_500), Kind.JPEG),
    "TIFF of 20,000 directories": (lambda: tiff_chain(20_000), Kind.TIFF),
    "TIFF of 20,000 thumbnails": (lambda: tiff_chain(20_000, reduced=True), Kind.TIFF),
    "TIFF of absurd tags": (tiff_of_absurd_tags, Kind.TIFF),
    "PDF with a password": (locked, Kind.PDF),
    "PNG with a comment of 64 MB": (lambda: png_of_text(1 << 26), Kind.PNG),
}
FAXED = {
    "TIFF whose directory is its own next": (lambda: tiff_chain(1, loop=True), Kind.TIFF),
    "PDF of a picture of 64 MB": (lambda: pdf_with(flate_of(1 << 26)), Kind.PDF),
    "GIF of 2000 frames": (lambda: gif_of_frames(2000), Kind.GIF),
    "PDF that holds itself": (lambda: pdf_with(cyclic), Kind.PDF),
    "PDF of 300,000 objects": (many_objects, Kind.PDF),
    "PDF with scripts, programs, addresses and files": (lambda: pdf_with(busy), Kind.PDF),
}


async def opened(sandbox: Sandbox, tmp_path: Path, made: Callable[[], bytes], kind: Kind) -> int:
    """How many pages it is; the memory and the time are what they may be."""
    data = made()
    assert len(data) < 40 << 20
    source, told = papers.file(tmp_path / "in", data), tmp_path / "told"
    outcome = tmp_path / "fax.pdf", tmp_path / "fax.tif"
    began = time.monotonic()
    try:
        return await sandbox.run(measured, told, [(source, str(kind), "evil")], *outcome, 500, limits=LIMITS)
    finally:
        assert time.monotonic() - began < 20
        if told.exists():  # else the kernel's limit has ended it
            assert int(told.read_text()) < MOST_MIB


@pytest.mark.parametrize(("made", "kind"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused(sandbox: Sandbox, tmp_path: Path, made: Callable[[], bytes], kind: Kind) -> None:
    with pytest.raises(DocumentRefused):
        await opened(sandbox, tmp_path, made, kind)


@pytest.mark.parametrize(("made", "kind"), FAXED.values(), ids=FAXED.keys())
async def test_faxed_as_one_page(sandbox: Sandbox, tmp_path: Path, made: Callable[[], bytes], kind: Kind) -> None:
    assert await opened(sandbox, tmp_path, made, kind) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"in", "told", "fax.pdf", "fax.tif"}
    with pikepdf.open(tmp_path / "fax.pdf") as pdf:
        assert not {"/OpenAction", "/AA", "/Names"} & set(pdf.Root.keys())
        assert "/AA" not in pdf.pages[0]
        assert not list(pdf.attachments)


async def test_an_svg_reads_and_fetches_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """In HTML it may be a picture: of what it names nothing is read, and its entities do not multiply."""
    secret = papers.file(tmp_path / "secret.png", png_of(16, 16))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
        picture = (
            f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY e0 "aaaaaaaaaa">{entities}'
            f'<!ENTITY f SYSTEM "file://{secret}">]><svg xmlns="http://www.w3.org/2000/svg" '
            'xmlns:xlink="http://www.w3.org/1999/xlink" width="100" height="100"><text>&f;&e11;</text>'
            f'<image xlink:href="http://127.0.0.1:{server.getsockname()[1]}/a.png" width="9" height="9"/>'
            f'<image xlink:href="file://{secret}" width="9" height="9"/></svg>'
        )
        source = f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}"
        document = papers.file(tmp_path / "in", f"<html><body>Hello <img src='{source}'></body></html>".encode())
        made = tmp_path / "fax.pdf", tmp_path / "fax.tif"
        began = time.monotonic()
        with suppress(DocumentRefused):
            await sandbox.run(prepare, [(document, str(Kind.HTML), "a.html")], *made, 500, limits=LIMITS)
        assert time.monotonic() - began < 20
        with pytest.raises(TimeoutError):
            server.accept()
