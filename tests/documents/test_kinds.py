"""What a document is, by its bytes."""

import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import installed, refusals
from gateway.documents.kinds import HEAD, OFFICE, Kind, kind_of, listed, sniff
from tests.documents.papers import arrow, image_bytes, letter


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (letter(), "winmail.dat", Kind.PDF),
        (b"\r\n\xef\xbb\xbf" + letter(), "", Kind.PDF),
        (image_bytes(arrow(), "TIFF"), "scan.pdf", Kind.TIFF),
        (image_bytes(arrow(), "PNG"), "scan.jpg", Kind.PNG),
        (image_bytes(arrow(), "JPEG"), "scan.png", Kind.JPEG),
        (image_bytes(arrow(), "GIF"), "", Kind.GIF),
        (image_bytes(arrow(), "BMP"), "", Kind.BMP),
        (image_bytes(arrow(), "WEBP"), "", Kind.WEBP),
        (b"\x78\x9f\x3e\x22\x01\x00", "letter.pdf", Kind.TNEF),
        (b"%!PS-Adobe-3.0\n", "letter.pdf", Kind.POSTSCRIPT),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "letter.txt", Kind.OLE),
        (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "", Kind.OOXML),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", "", Kind.ODT),
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.graphics", "", Kind.ODF),
        (image_bytes(arrow(), "AVIF"), "", Kind.AVIF),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0heic", "", Kind.HEIF),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "video.mp4", Kind.UNKNOWN),
        (b'<?xml version="1.0"?>\n<!-- x --><html xmlns="x">', "", Kind.HTML),
        (b"<p>Hello", "page.HTM", Kind.HTML),
        (b"<p>Hello", "", Kind.TEXT),
        (b"Received: x\r\n\tby y\r\nMIME-Version: 1.0\r\nSubject: x\r\n\r\n%PDF-1.4", "", Kind.MAIL),
        (b"From: me\nSubject: x\n\nHello", "saved.eml", Kind.MAIL),
        (b"From: me\nTo: all\n\nHello", "letter", Kind.TEXT),
        (b"Dear Bob,\nMIME-Version: is what you asked for", "", Kind.TEXT),
        (b"PK\x03\x04" + bytes(26) + b"photo.jpg", "", Kind.ZIP),
        (b"\xef\xbb\xbf<!DOCTYPE HTML><p>", "", Kind.HTML),
        (b"BEGIN:VCARD\r\n", "", Kind.VCARD),
        (b"BEGIN:VCALENDAR\r\n", "", Kind.CALENDAR),
        (b"0\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "", Kind.PKCS7),
        (b"Dear Sir,\r\n\tplease\f", "", Kind.TEXT),
        ("Größe: 漢字\n".encode(), "", Kind.TEXT),
        (("x" + "漢" * HEAD).encode(), "", Kind.TEXT),
        ("Zażółć gęślą jaźń, and more that is plain ASCII".encode("cp1250"), "", Kind.TEXT),
        ("Привет".encode("koi8-r"), "letter.TXT", Kind.TEXT),
        ("Привет".encode("koi8-r"), "letter.bin", Kind.UNKNOWN),
        ("Hello".encode("utf-16"), "", Kind.TEXT),
        (b"MZ\x90\0\x03\0\0\0", "letter.txt", Kind.UNKNOWN),
        (b"", "letter.pdf", Kind.UNKNOWN),
    ],
)
def test_the_bytes_tell(head: bytes, name: str, kind: Kind) -> None:
    assert sniff(head, name) is kind


@given(st.binary(max_size=300), st.text(max_size=20))
def test_any_bytes_are_of_some_kind(head: bytes, name: str) -> None:
    assert sniff(head, name) in Kind


def zipped(*names: str, size: int = 10_000) -> bytes:
    """An archive with these files; what comes first is larger than the head that is looked at."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("docProps/thumbnail.jpeg", bytes(size))
        for name in names:
            archive.writestr(name, "<x/>")
    return file.getvalue()


def compound(*streams: str) -> bytes:
    entries = (stream.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for stream in ("Root Entry", *streams))
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9000) + b"".join(entries)


CONTENTS = [
    (zipped("xl/workbook.xml", "[Content_Types].xml"), Kind.XLSX),
    (zipped("word/document.xml", "[Content_Types].xml"), Kind.DOCX),
    (zipped("ppt/presentation.xml", "[Content_Types].xml"), Kind.PPTX),
    (zipped("visio/document.xml", "[Content_Types].xml"), Kind.OOXML),
    (zipped("word/document.txt"), Kind.ZIP),
    (compound("WordDocument", "Workbook"), Kind.DOC),
    (compound("Workbook"), Kind.XLS),
    (compound("Book"), Kind.XLS),
    (compound("PowerPoint Document"), Kind.PPT),
    (compound("__properties_version1.0", "WordDocument"), Kind.OUTLOOK),
    (compound("EncryptedPackage"), Kind.ENCRYPTED),
    (compound("NotAWorkbookAtAll"), Kind.OLE),
    (b"", Kind.UNKNOWN),
]


@pytest.mark.parametrize(("data", "kind"), CONTENTS)
def test_what_is_in_a_container_tells(tmp_path: Path, data: bytes, kind: Kind) -> None:
    assert kind_of(data) is kind
    (tmp_path / "a").write_bytes(data)
    assert kind_of(tmp_path / "a") is kind


def test_a_container_that_is_not_what_its_name_says_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    here = installed.taken()
    for with_office, words in ((here | OFFICE, "is damaged.*not a Word document"), (here - OFFICE, "cannot be faxed")):
        monkeypatch.setattr(refusals, "taken", lambda kinds=with_office: kinds)
        assert re.search(words, refusals.not_taken("a.docx", Kind.ZIP).text)
        assert re.search(words, refusals.not_taken("a", Kind.ZIP, Kind.DOCX.value).text)
    assert "a ZIP archive, which cannot be faxed" in refusals.not_taken("a.zip", Kind.ZIP).text


def test_what_is_taken_is_what_is_listed() -> None:
    assert listed({Kind.GIF, Kind.PDF, Kind.TEXT}) == "PDF, GIF and plain text"
    assert refusals.not_taken("x", Kind.UNKNOWN).text.endswith(f"What can: {listed(installed.taken())}.")
    assert Kind.ZIP not in installed.taken()
    assert Kind.PDF in installed.taken()
