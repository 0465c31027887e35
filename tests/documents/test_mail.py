"""A mail that is a document itself: attached to another one, saved as a file, or in Outlook's envelope."""

from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.documents import mail, tnef
from gateway.documents.inspect import inspect
from gateway.documents.kinds import Kind
from gateway.documents.prepare import prepare
from gateway.errors import DocumentRefused
from tests.documents import papers
from tests.documents.papers import arrow, image_bytes
from tests.documents.tnefs import EMBEDDED, OLE, Attached
from tests.documents.tnefs import tnef as winmail

LETTER = papers.letter(2)
PNG = image_bytes(arrow(), "PNG")
LOGO = image_bytes(arrow(size=(60, 80)), "PNG")


def written(text: str = "Please see <attached>.") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Alice <alice@example.com>"
    message["To"] = "bob@example.com"
    message["Subject"] = "Größe & Maß"
    message.set_content(text)
    return message


def octets(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=SMTP)


def found(content: bytes, kind: Kind = Kind.MAIL) -> list[tuple[str, Kind]]:
    return [(one.name, one.kind) for one in mail.documents(content, kind, "a.eml")]


def words(folder: Path, content: bytes, kind: Kind = Kind.MAIL) -> list[str]:
    """The words on each page of the fax of a mail."""
    source = papers.file(folder / "in", content)
    pages = prepare([(source, kind, "a.eml")], folder / "fax.pdf", folder / "fax.tif", 50)
    with pdfium.PdfDocument(folder / "fax.pdf") as pdf:
        seen = [" ".join(page.get_textpage().get_text_range().split()) for page in pdf]
    assert len(seen) == pages
    return seen


def test_its_text_under_a_heading_and_then_what_is_attached_in_order(tmp_path: Path) -> None:
    message = written()
    message.add_attachment(LETTER, maintype="application", subtype="pdf", filename="contract.pdf")
    message.add_attachment(PNG, maintype="image", subtype="png", filename="scan.png")
    message.add_attachment("some notes", filename="notes.txt")
    message.add_attachment("BEGIN:VCARD", subtype="vcard", filename="alice.vcf")
    assert [name for name, _ in found(octets(message))] == ["a.eml", "contract.pdf", "scan.png", "notes.txt"]
    text, first, second, picture, notes = words(tmp_path, octets(message))
    heading = "From Alice <alice@example.com> To bob@example.com Subject Größe & Maß"
    assert text == f"{heading} Please see <attached>."
    assert (first, second, picture, notes) == ("Page 1 of 2", "Page 2 of 2", "", "some notes")
    assert inspect(octets(message), Kind.MAIL, "a.eml") is None


def test_html_with_its_pictures_is_one_document(tmp_path: Path) -> None:
    message = written()
    message.add_alternative("<p>Please see <b>this</b> <img src='cid:a@b'><img src=cid:logo>", subtype="html")
    for content, cid in ((PNG, "<a@b>"), (LOGO, "<logo>"), (PNG, "<c>")):
        message.get_payload()[1].add_related(content, maintype="image", subtype="png", cid=cid)  # type: ignore[union-attr, index]
    page, other = mail.documents(octets(message), Kind.MAIL, "a.eml")
    assert set(page.parts) == {"a@b", "logo"}
    assert (other.kind, other.content) == (Kind.PNG, PNG), "nobody refers to it, so it is a page"
    text, picture = words(tmp_path, octets(message))
    assert text.endswith("Please see this"), "and not the same again as plain text"
    assert picture == ""


def test_mails_within_mails(tmp_path: Path) -> None:
    inner, outer = written("the first"), written("the second")
    inner.add_attachment(LETTER, maintype="application", subtype="pdf", filename="contract.pdf")
    outer.add_attachment(inner, filename="inner.eml")
    outer.add_attachment("notes", filename="notes.txt")
    assert [text.split()[-1] for text in words(tmp_path, octets(outer))] == ["second", "first", "2", "2", "notes"]


def test_a_mail_of_nothing_but_a_document(tmp_path: Path) -> None:
    message = EmailMessage()
    message.set_content(LETTER, maintype="application", subtype="pdf")
    assert words(tmp_path, octets(message)) == ["Page 1 of 2", "Page 2 of 2"]
    assert inspect(octets(message), Kind.MAIL, "a.eml") == 2


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"PK\x03\x04" + bytes(50), "all.zip", '"all.zip" is a ZIP archive, which cannot be faxed'),
        (b"\0\1\2\3", "x.bin", r'"x.bin" \(application/octet-stream\) cannot be faxed'),
        (b"%PDF-1.4 nonsense", "broken.pdf", '"broken.pdf" is damaged'),
        (papers.letter(60), "long.pdf", '"long.pdf" has more than 50 pages'),
        (winmail(Attached("all.zip", b"PK\x03\x04" + bytes(50))), "winmail.dat", '"all.zip" is a ZIP archive'),
    ],
)
def test_what_cannot_be_faxed_refuses_the_whole_by_its_name(content: bytes, name: str, why: str) -> None:
    message = written()
    message.add_attachment(LETTER, maintype="application", subtype="pdf", filename="contract.pdf")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    with pytest.raises(DocumentRefused, match=why):
        inspect(octets(message), Kind.MAIL, "a.eml", 50)


def test_an_empty_mail_is_refused() -> None:
    for content in (b"", b"X: y\r\n\r\n", b"\r\n\r\n  \r\n"):
        with pytest.raises(DocumentRefused, match=r'"a.eml" has no pages'):
            inspect(content, Kind.MAIL, "a.eml")


def nested(depth: int) -> bytes:
    message = written("innermost")
    for _ in range(depth):
        outer = written("outer")
        outer.add_attachment(message)
        message = outer
    return octets(message)


def test_depth_and_number_are_bounded() -> None:
    assert len(found(nested(4))) == 5
    with pytest.raises(DocumentRefused, match="more than 5 deep"):
        found(nested(5))
    message = written()
    for _ in range(100):
        message.add_attachment("x", filename="x.txt")
    with pytest.raises(DocumentRefused, match="more than 100 documents"):
        found(octets(message))


def test_pages_of_all_its_documents_are_counted_together() -> None:
    message = EmailMessage()
    message.make_mixed()
    for _ in range(3):
        message.add_attachment(LETTER, maintype="application", subtype="pdf", filename="contract.pdf")
    assert inspect(octets(message), Kind.MAIL, "a.eml", 6) == 6
    with pytest.raises(DocumentRefused, match="more than 5 pages"):
        inspect(octets(message), Kind.MAIL, "a.eml", 5)


def test_the_envelope_of_outlook(tmp_path: Path) -> None:
    stream = winmail(
        Attached("Verträge 2026.pdf", LETTER),
        Attached("scan.png", PNG, in_properties=True),
        Attached("image001.png", LOGO, content_id="image001", hidden=True),
        Attached("notes.txt", b"some notes", declared_type="text/plain"),
        plain="the text of the mail",
    )
    assert [name for name, _ in found(stream, Kind.TNEF)] == ["Verträge 2026.pdf", "scan.png", "notes.txt"]
    for whole in (stream, stream + b"\r\n", stream + b"\0\0"):
        assert words(tmp_path, whole, Kind.TNEF) == ["Page 1 of 2", "Page 2 of 2", "", "some notes"]


def test_a_mail_in_the_envelope_of_outlook(tmp_path: Path) -> None:
    for html, plain in (("<p>Grüße", "no"), ("", "Grüße")):
        inner = winmail(Attached("contract.pdf", LETTER), subject="Hello", html=html, plain=plain)
        stream = winmail(Attached("Hello", message=inner, method=EMBEDDED), plain="outer")
        assert words(tmp_path, stream, Kind.TNEF) == ["From Alice Subject Hello Grüße", "Page 1 of 2", "Page 2 of 2"]


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (winmail(), "has no pages"),
        (winmail(Attached("Picture", b"x", method=OLE)), '"Picture" is an object within Outlook'),
        (winmail(Attached("x", message=winmail(rich=b"x"), method=EMBEDDED)), "rich text"),
        (winmail(Attached("a.bin", b"\0\1\2")), '"a.bin" .* cannot be faxed'),
        (winmail(Attached("a.pdf", b"")), '"a.pdf" is empty'),
        (winmail(Attached("a.pdf", LETTER))[:-100], '"a.eml" is damaged'),
        (winmail(Attached("a.pdf", LETTER)).replace(b"%PDF-1", b"%PDF-2"), '"a.eml" is damaged'),
        (b"\x78\x9f\x3e\x22", '"a.eml" has no pages'),
        (b"\x78\x9f\x3e\x22\x01\x00" + b"\xff" * 100, '"a.eml" is damaged'),
    ],
)
def test_envelopes_that_are_refused(stream: bytes, why: str) -> None:
    with pytest.raises(DocumentRefused, match=why):
        inspect(stream, Kind.TNEF, "a.eml")


def test_envelopes_in_envelopes_are_bounded() -> None:
    stream = winmail(Attached("a.txt", b"x"))
    for _ in range(5):
        stream = winmail(Attached("mail", message=stream, method=EMBEDDED))
    with pytest.raises(DocumentRefused, match="more than 5 deep"):
        found(stream, Kind.TNEF)


STREAM = winmail(Attached("a.pdf", LETTER), Attached("mail", message=winmail(plain="x"), method=EMBEDDED), html="<p>x")


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(6, len(STREAM) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_envelope_is_refused_and_nothing_else(at: int, damage: bytes) -> None:
    broken = STREAM[:at] + damage + STREAM[at + len(damage) :]
    try:
        tnef.read(broken, "winmail.dat")
    except DocumentRefused:
        return


@given(st.integers(6, len(STREAM) - 1))
def test_an_envelope_cut_short_is_refused(at: int) -> None:
    try:
        message = tnef.read(STREAM[:at], "winmail.dat")
    except DocumentRefused:
        return
    # Cut exactly between two attributes it is a whole stream, which lacks at most what came behind.
    assert len(message.attachments) <= 2
