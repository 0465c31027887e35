"""Office documents by LibreOffice: what is on the pages, and what a document cannot make it do."""

import os
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TypeVar, cast

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from gateway.doctor import OFFICE_PACKAGES
from gateway.documents import installed, office
from gateway.documents.inspect import inspect
from gateway.documents.installed import about_office, taken
from gateway.documents.installed import office as program
from gateway.documents.kinds import OFFICE, Kind, kind_of
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from gateway.sandbox import PRELOAD, Limits, Sandbox
from tests.documents import offices, papers
from tests.documents.test_html import origin  # noqa: F401  # a web server that notes what it is asked

MISSING = f"NOTHING of Office documents is tested. LibreOffice: {about_office()[1]}. apt-get install {OFFICE_PACKAGES}"

Test = TypeVar("Test", bound=Callable[..., object])


def here(test: Test) -> Test:
    """With LibreOffice, in the module's sandbox."""
    present = pytest.mark.skipif(not taken() >= OFFICE, reason=MISSING)
    return cast("Test", present(pytest.mark.asyncio(loop_scope="module")(test)))


@pytest.mark.skipif("FAXGATE_TESTS_NEED_OFFICE" not in os.environ, reason="LibreOffice may be missing here")
def test_it_is_here_where_it_must_be() -> None:
    assert taken() >= OFFICE, MISSING


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=1, quick=1, preload=PRELOAD)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture(scope="module")
def saving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saving")


async def words(sandbox: Sandbox, folder: Path, document: bytes, kind: Kind, limits: Limits | None = None) -> list[str]:
    """The words on each page."""
    source = papers.file(folder / "in", document)
    sources = [(source, str(kind), "a.doc")]
    pages = await sandbox.run(prepare, sources, folder / "fax.pdf", folder / "fax.tif", 20, limits=limits or Limits())
    assert sorted(path.name for path in folder.iterdir()) == ["fax.pdf", "fax.tif", "in"], "nothing is left behind"
    with pdfium.PdfDocument(folder / "fax.pdf") as pdf:
        assert len(pdf) == pages
        return [" ".join(page.get_textpage().get_text_range().split()) for page in pdf]


LETTER = offices.letter("Größe und Maß", "second line")
SHEET = offices.sheet(("Pears", "3"), ("Plums", "12"))
SLIDES = offices.slides("First slide", "Second slide")
SAVED = [
    *((kind, LETTER, ["Größe und Maß second line"]) for kind in (Kind.DOCX, Kind.DOC, Kind.RTF)),
    *((kind, SHEET, ["Sheet Page 1 Pears 3 Plums 12"]) for kind in (Kind.XLSX, Kind.XLS)),
    *((kind, SLIDES, ["First slide", "Second slide"]) for kind in (Kind.PPTX, Kind.PPT)),
]


@here
@pytest.mark.parametrize(
    ("document", "kind", "pages"),
    [
        pytest.param(LETTER, Kind.ODT, ["Größe und Maß second line"], id="ODT"),
        pytest.param(SHEET, Kind.ODS, ["Sheet Page 1 Pears 3 Plums 12"], id="ODS"),
        pytest.param(SLIDES, Kind.ODP, ["First slide", "Second slide"], id="ODP"),
    ],
)
async def test_opendocument(sandbox: Sandbox, tmp_path: Path, document: bytes, kind: Kind, pages: list[str]) -> None:
    assert kind_of(document) is kind
    assert inspect(document, kind, "a") is None
    assert await words(sandbox, tmp_path, document, kind) == pages


@here
@pytest.mark.parametrize(("kind", "document", "pages"), SAVED, ids=[kind.name for kind, _, _ in SAVED])
async def test_microsofts(
    sandbox: Sandbox, tmp_path: Path, saving: Path, kind: Kind, document: bytes, pages: list[str]
) -> None:
    saved = offices.saved_as(kind, document, saving)
    assert kind_of(saved) is kind
    assert inspect(saved, kind, "a") == (2 if kind is Kind.PPTX else None)
    assert await words(sandbox, tmp_path, saved, kind) == pages


def linking(*bases: str) -> list[tuple[Kind, bytes]]:
    """Documents that show what lies elsewhere."""
    frames = "".join(
        '<text:p>Hello<draw:frame svg:width="5cm" svg:height="5cm" text:anchor-type="as-char">'
        f'<draw:image xlink:href="{base}/picture.png" xlink:type="simple" xlink:show="embed" xlink:actuate="onLoad"/>'
        f'</draw:frame></text:p><text:section text:name="of {base}"><text:section-source '
        f'xlink:href="{base}/section.txt"/><text:p>old</text:p></text:section>'
        for base in bases
    )
    tables = "".join(
        f'<table:table table:name="Hello {number}"><table:table-source xlink:href="{base}/table.csv" '
        'table:filter-name="Text"/><table:table-row><table:table-cell '
        f'table:formula="of:=WEBSERVICE(&quot;{base}/service.txt&quot;)"/><table:table-cell '
        f"table:formula=\"of:='{base}/other.csv'#$Sheet1.A1\"/>"
        '<table:table-cell office:value-type="string"><text:p>Hello</text:p></table:table-cell>'
        "</table:table-row></table:table>"
        for number, base in enumerate(bases)
    )
    fields = "".join(
        f'{{\\field{{\\*\\fldinst INCLUDEPICTURE "{base}/field.png" \\\\d}}{{\\fldrslt x}}}}'
        f'{{\\field{{\\*\\fldinst INCLUDETEXT "{base}/included.txt"}}{{\\fldrslt x}}}}'
        for base in bases
    )
    return [
        (Kind.ODT, offices.opendocument(Kind.ODT, frames)),
        (Kind.ODS, offices.opendocument(Kind.ODS, tables)),
        (Kind.RTF, f"{{\\rtf1 Hello {fields}}}".encode()),
    ]


@here
async def test_nothing_is_brought_in_from_disk_or_network(
    sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
    origin: tuple[str, list[str]],  # noqa: F811
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("section.txt", "table.csv", "service.txt", "other.csv", "included.txt"):
        (elsewhere / name).write_text("secret")
    for name in ("picture.png", "field.png"):
        (elsewhere / name).write_bytes(papers.image_bytes(papers.arrow(), "PNG"))
    server, asked = origin
    for kind, document in linking(elsewhere.as_uri(), server):
        folder = tmp_path_factory.mktemp("fax")
        pages = await words(sandbox, folder, document, kind)
        assert "Hello" in pages[0]
        assert "secret" not in " ".join(pages)
        assert papers.pages_of(folder / "fax.tif")[0].mean() < 0.01, "and no picture is seen"
    assert asked == []


@here
async def test_macros_do_not_run(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    document = offices.with_macro(f'Open "{mark}" For Output As #1\nClose #1')
    assert await words(sandbox, tmp_path, document, Kind.ODT) == ["Hello"]
    assert not mark.exists()


def bomb(kind: Kind, part: str, size: int) -> bytes:
    """A document of which one part is that many blanks, in some hundredth of it."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mimetype" if kind is Kind.ODT else "[Content_Types].xml", kind.value)
        with archive.open(part, "w", force_zip64=True) as unpacked:
            for _ in range(size >> 20):
                unpacked.write(b" " * (1 << 20))
    return file.getvalue()


@pytest.mark.parametrize(("kind", "part"), [(Kind.ODT, "content.xml"), (Kind.DOCX, "word/document.xml")])
def test_zip_bombs_are_refused_at_a_look(kind: Kind, part: str) -> None:
    packed = bomb(kind, part, office.MAX_UNPACKED + (1 << 20))
    assert len(packed) < office.MAX_UNPACKED // 50
    begun = time.process_time()
    with pytest.raises(DocumentRefused, match='"a" is too large to be faxed: it unpacks to more than 300 MB'):
        office.inspected(packed, kind, "a")
    assert time.process_time() - begun < 0.05, "and is not unpacked for it"


def test_a_manifest_is_not_read_without_end() -> None:
    packed = bomb(Kind.ODT, "META-INF/manifest.xml", office.MAX_UNPACKED - (2 << 20))
    begun = time.process_time()
    assert office.inspected(packed, Kind.ODT, "a") is None
    assert time.process_time() - begun < 0.05


@pytest.mark.parametrize(
    ("document", "kind", "why"),
    [
        (LETTER[:-40], Kind.ODT, "damaged"),
        (LETTER[:200], Kind.ODT, "damaged"),
        (offices.opendocument(Kind.ODT, "", encryption="<manifest:encryption-data/>"), Kind.ODT, "by a password"),
    ],
    ids=["cut short", "cut off", "encrypted"],
)
def test_what_is_refused_at_a_look(document: bytes, kind: Kind, why: str) -> None:
    with pytest.raises(DocumentRefused, match=f'"a.odt" .*{why}'):
        office.inspected(document, kind, "a.odt")


def marked(document: bytes, kind: Kind) -> bytes:
    """An old file, marked as encrypted although it is not: LibreOffice then asks for a password."""
    if kind is Kind.DOC:  # fEncrypted of the FibBase [MS-DOC] 2.5.2
        at = document.index(b"\xec\xa5", 512) + 11
        return document[:at] + bytes([document[at] | 1]) + document[at + 1 :]
    # The record after BOF becomes FilePass [MS-XLS] 2.4.117.
    at = document.index(b"\x09\x08\x10\x00\x00\x06", 512) + 20
    return document[:at] + b"\x2f\x00" + document[at + 2 :]


@here
@pytest.mark.parametrize(("kind", "document"), [(Kind.DOC, LETTER), (Kind.XLS, SHEET)], ids=["DOC", "XLS"])
async def test_old_files_with_a_password_are_refused_as_such(
    sandbox: Sandbox, tmp_path: Path, saving: Path, kind: Kind, document: bytes
) -> None:
    locked = marked(offices.saved_as(kind, document, saving), kind)
    with pytest.raises(DocumentRefused, match=r'"a.doc" is protected by a password. Send it without one'):
        await words(sandbox, tmp_path, locked, kind)


@given(st.data())
def test_a_damaged_container_is_refused_or_passed_on(data: st.DataObject) -> None:
    document = bytearray(LETTER)
    for at in data.draw(st.lists(st.integers(0, len(document) - 1), min_size=1, max_size=4)):
        document[at] = data.draw(st.integers(0, 255))
    with suppress(DocumentRefused):
        office.inspected(bytes(document), Kind.ODT, "a.odt")


HOSTILE = [
    pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"WordDocument\0" * 500, Kind.DOC, id="DOC of garbage"),
    pytest.param(offices.opendocument(Kind.ODT, "<text:p>"), Kind.ODT, id="ODT that is no XML"),
]


@here
@pytest.mark.parametrize(("document", "kind"), HOSTILE)
async def test_what_cannot_be_opened_is_refused_by_name(
    sandbox: Sandbox, tmp_path: Path, document: bytes, kind: Kind
) -> None:
    with pytest.raises(DocumentRefused, match=r'"a.doc" is damaged'):
        await words(sandbox, tmp_path, document, kind)


@here
async def test_a_sheet_of_thousands_of_rows_is_refused_by_its_pages(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="has more than 20 pages"):
        await words(sandbox, tmp_path, offices.sheet(*[("Pears", "3")] * 3000), Kind.ODS)


def hurried(document: Path, pdf: Path) -> None:
    office.WALL = 0.2
    office.write_pdf(document, Kind.ODT, "a.odt", pdf)


def running_on(folder: Path) -> list[bytes]:
    commands = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            commands.append(process.read_bytes())
    return [command for command in commands if str(folder).encode() in command]


@here
async def test_what_takes_too_long_is_refused_and_leaves_nothing_running(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="within the limits"):
        await words(sandbox, tmp_path, offices.letter(*["word " * 2000] * 500), Kind.ODT, Limits(cpu=1, wall=60))
    assert not running_on(tmp_path)
    with pytest.raises(DocumentRefused, match="within the limits"):
        await sandbox.run(hurried, papers.file(tmp_path / "in", LETTER), tmp_path / "fax.pdf")
    assert not running_on(tmp_path)


def test_without_libreoffice_its_kinds_are_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for cached in (taken, program):
        cached.cache_clear()
    try:
        assert not taken() & OFFICE
        with pytest.raises(
            DocumentRefused, match=r"is a Word document \(.docx\), which cannot be faxed. What can: PDF"
        ) as caught:
            inspect(b"", Kind.DOCX, "a.docx")
        assert "DOCX" not in caught.value.text
        assert about_office() == (True, "not found: RTF, Word, Excel, PowerPoint and OpenDocument files are refused")
    finally:
        for cached in (taken, program):
            cached.cache_clear()


@pytest.mark.skipif(program() is None, reason=MISSING)
def test_it_is_not_used_where_nothing_confines_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert about_office()[0]
    monkeypatch.setattr(installed, "can_confine", lambda: False)
    taken.cache_clear()
    try:
        assert not taken() & OFFICE
        well, text = about_office()
        assert not well
        assert "Landlock" in text
    finally:
        taken.cache_clear()
