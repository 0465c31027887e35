"""Documents in their order to one PDF and one fax image."""

from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pikepdf
import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
from pikepdf import Array, Dictionary, Name, String

from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from tests.documents import papers
from tests.documents.papers import arrow, image_bytes


def prepared(tmp_path: Path, *documents: tuple[bytes, Kind], max_pages: int = 20) -> list[np.ndarray]:
    sources = [
        (papers.file(tmp_path / f"{number}", data), kind, f"{number}") for number, (data, kind) in enumerate(documents)
    ]
    pages = prepare(sources, tmp_path / "fax.pdf", tmp_path / "fax.tif", max_pages)
    images = papers.pages_of(tmp_path / "fax.tif")
    assert len(images) == pages
    assert {path.name for path in tmp_path.iterdir()} == {"fax.pdf", "fax.tif", *(path.name for path, _, _ in sources)}
    return images


def words(pdf: Path) -> list[str]:
    with pdfium.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range().strip() for page in document]


def test_documents_keep_their_order(tmp_path: Path) -> None:
    picture = image_bytes(arrow(), "PNG")
    pages = prepared(
        tmp_path, (papers.letter(2), Kind.PDF), (b"Hello", Kind.TEXT), (picture, Kind.PNG), (papers.letter(1), Kind.PDF)
    )
    assert words(tmp_path / "fax.pdf") == ["Page 1 of 2", "Page 2 of 2", "Hello", "", "Page 1 of 1"]
    assert all(page.any() for page in pages)


def test_more_pages_than_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match='"0" has more than 4 pages'):
        prepared(tmp_path, (papers.letter(5), Kind.PDF), max_pages=4)
    for data, kind in (
        (papers.letter(5), Kind.PDF),
        (image_bytes(arrow(), "TIFF", save_all=True, append_images=[arrow()] * 4), Kind.TIFF),
    ):
        with pytest.raises(DocumentRefused, match='"a" has more than 4 pages'):
            inspect(data, kind, "a", 4)
    with pytest.raises(DocumentRefused, match="The document has more than 4 pages"):
        prepared(tmp_path, (papers.letter(3), Kind.PDF), (papers.letter(2), Kind.PDF), max_pages=4)


def armed() -> bytes:
    made = papers.pdf(papers.line_of("Hello"))
    script = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
    launch = Dictionary(S=Name.Launch, F=String("evil.exe"), Next=Array([script]))
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=launch, AA=Dictionary(E=script))
    uri = Dictionary(S=Name.URI, URI=String("https://example.com"))
    harmless = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([9, 9, 19, 19]), A=uri)
    made.attachments["evil.exe"] = b"evil payload"
    embedded = Dictionary(Type=Name.Filespec, F=String("e"), EF=Dictionary(F=made.make_stream(b"evil payload")))
    clip = Dictionary(Type=Name.Annot, Subtype=Name.FileAttachment, Rect=Array([0, 0, 9, 9]), FS=embedded)
    made.pages[0].Annots = Array([link, harmless, clip])
    made.pages[0].AA = Dictionary(O=script)
    made.Root.OpenAction = script
    made.Root.AA = Dictionary(WC=script)
    made.Root.Names.JavaScript = Dictionary(Names=Array([String("x"), script]))
    return papers.saved(made)


def test_scripts_actions_and_attachments_are_taken_out(tmp_path: Path) -> None:
    assert b"evil payload" in armed() or b"JavaScript" in armed()
    prepared(tmp_path, (armed(), Kind.PDF))
    with pikepdf.open(tmp_path / "fax.pdf") as pdf:
        plain = tmp_path / "plain.pdf"
        pdf.save(plain, qdf=True)
    found = plain.read_bytes()
    for danger in (b"JavaScript", b"alert", b"Launch", b"evil", b"/AA", b"OpenAction", b"EmbeddedFile"):
        assert danger not in found
    assert b"https://example.com" in found


def form(*, appearance_wanted: bool) -> pikepdf.Pdf:
    made = papers.pdf(b"")
    field = made.make_indirect(
        Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("name"), V=String("Filled in by hand"), F=4,
            Rect=Array([72, 600, 400, 640]), DA=String("/Helv 18 Tf 0 g"),
        )
    )  # fmt: skip
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    made.pages[0].Annots = Array([field])
    made.Root.AcroForm = Dictionary(
        Fields=Array([field]), DR=Dictionary(Font=Dictionary(Helv=font)), NeedAppearances=appearance_wanted
    )
    return made


@pytest.mark.parametrize("others", [[], [(papers.letter(), Kind.PDF)]])
def test_what_was_filled_into_a_form_is_faxed(tmp_path: Path, others: list[tuple[bytes, Kind]]) -> None:
    pages = prepared(tmp_path, *others, (papers.saved(form(appearance_wanted=True)), Kind.PDF))
    assert papers.inked(pages[-1])[2] > 400
    with pikepdf.open(tmp_path / "fax.pdf") as pdf:
        (field,) = pdf.pages[-1].Annots
        assert Name.AP in field, "and any viewer shows it"


def test_a_dynamic_form_is_refused(tmp_path: Path) -> None:
    made = form(appearance_wanted=False)
    made.Root.AcroForm.XFA = made.make_stream(b"<xdp:xdp/>")
    made.Root.NeedsRendering = True
    with pytest.raises(DocumentRefused, match="XFA"):
        inspect(papers.saved(made), Kind.PDF, "form.pdf")
    del made.Root.NeedsRendering
    assert inspect(papers.saved(made), Kind.PDF, "form.pdf") == 1, "a static form has pages of its own"
    assert prepared(tmp_path, (papers.saved(made), Kind.PDF))


@pytest.mark.parametrize("R", [4, 6])
def test_passwords(tmp_path: Path, R: Literal[4, 6]) -> None:  # noqa: N803  # as the PDF standard calls it
    locked = papers.saved(papers.pdf(b""), pikepdf.Encryption(user="secret", owner="owner", R=R))
    for source in (locked, papers.file(tmp_path / "locked.pdf", locked)):
        with pytest.raises(DocumentRefused, match=r'"a.pdf" is protected by a password, without which'):
            inspect(source, Kind.PDF, "a.pdf")
    (tmp_path / "locked.pdf").unlink()
    owned = papers.saved(papers.pdf(papers.line_of("Hello")), pikepdf.Encryption(user="", owner="owner", R=R))
    assert inspect(owned, Kind.PDF, "a.pdf") == 1
    prepared(tmp_path, (owned, Kind.PDF))
    assert words(tmp_path / "fax.pdf") == ["Hello"]


@pytest.mark.parametrize(
    ("data", "kind", "pages"),
    [
        (papers.letter(7), Kind.PDF, 7),
        (image_bytes(arrow(), "TIFF", save_all=True, append_images=[arrow()]), Kind.TIFF, 2),
        (image_bytes(arrow(), "PNG"), Kind.PNG, 1),
        (image_bytes(arrow(), "JPEG"), Kind.JPEG, 1),
        (image_bytes(arrow("P"), "GIF", save_all=True, append_images=[arrow("L")]), Kind.GIF, 1),
        (b"one\ftwo\fthree", Kind.TEXT, 3),
    ],
)
def test_pages_are_counted(tmp_path: Path, data: bytes, kind: Kind, pages: int) -> None:
    assert inspect(data, kind, "a") == pages
    assert inspect(papers.file(tmp_path / "a", data), kind, "a") == pages


def test_a_damaged_pdf_is_repaired_where_it_can_be(tmp_path: Path) -> None:
    whole = papers.letter(2)
    cut = whole[: whole.rindex(b"xref")]
    assert inspect(cut, Kind.PDF, "a") == 2
    prepared(tmp_path, (cut, Kind.PDF))
    assert words(tmp_path / "fax.pdf") == ["Page 1 of 2", "Page 2 of 2"]


def test_other_kinds_are_refused_naming_what_is_taken() -> None:
    with pytest.raises(DocumentRefused, match=r"all.zip.*cannot be faxed.*PDF, TIFF"):
        inspect(b"", Kind.ZIP, "all.zip")


def test_names_in_other_charsets_are_no_damage(tmp_path: Path) -> None:
    made = papers.pdf(papers.line_of("Hello"))
    file = BytesIO()
    made.save(file, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    data = file.getvalue().replace(b"/F1", b"/\xe9\xfc")
    prepared(tmp_path, (data, Kind.PDF))
    assert words(tmp_path / "fax.pdf") == ["Hello"]
