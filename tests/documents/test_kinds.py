"""What a document is, by its bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents.kinds import HEAD, TAKEN, Kind, sniff
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
        (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text", "", Kind.ODF),
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


def test_what_is_taken() -> None:
    assert Kind.TNEF not in TAKEN
    assert Kind.PDF in TAKEN
