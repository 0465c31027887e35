"""Mails taken apart: which parts are faxed, which are left out and why, which refuse the mail."""

import pickle
import time
from dataclasses import replace
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.documents import mail, mime
from gateway.documents.kinds import Kind
from gateway.errors import DocumentRefused, FaxgateError, MailLoop, NoDocument, OurTrouble
from smtp.message import Message, Options, read
from tests.documents.tnefs import Attached, tnef
from tests.smtp.mails import octets, pdf, png, with_pdf, written

ALL = Options()
BODY = Options(body_as_page=True)


def part(declared: str, content: bytes, name: str = "", **headers: str) -> MIMEApplication:
    """A part that declares what it likes."""
    made = MIMEApplication(content)
    made.replace_header("Content-Type", declared + (f'; name="{name}"' if name else ""))
    for key, value in headers.items():
        made[key.replace("_", "-")] = value
    return made


def mixed(*parts: MIMEApplication | MIMEText | MIMEMultipart, kind: str = "mixed") -> bytes:
    message = MIMEMultipart(kind, _subparts=list(parts))
    message["Subject"] = "Parts"
    return message.as_bytes().replace(b"\n", b"\r\n")


def outcomes(message: Message) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in message.parts]


def faxed(message: Message) -> list[bytes | Path]:
    assert message.refusal is None, message.refusal
    return [each.content for each in message.parts if each.outcome == "faxed"]


def test_a_pdf() -> None:
    message = read(octets(with_pdf(3)), ALL)
    assert faxed(message) == [pdf(3)]
    assert [each.pages for each in message.parts] == [3]
    assert (message.subject, message.message_id) == ("Contract", "<1@example.com>")
    assert message.date == "Mon, 23 Nov 2026 10:00:00 +0000"


@pytest.mark.parametrize(
    "said", ["auto-replied", "auto-generated", "Auto-Notified; owner-email=x", "auto-replied (out)"]
)
def test_what_a_program_sends_by_itself_is_not_faxed(said: str) -> None:
    message = with_pdf()
    message["Auto-Submitted"] = said
    refusal = read(octets(message), ALL).refusal
    assert isinstance(refusal, MailLoop)
    assert said.lower()[:12] in refusal.text
    assert read(octets(message), Options(faxed=False)).refusal is None  # the operator gets it


@pytest.mark.parametrize("field", [{"X-Fax-Password": "0ther"}, {"Auto-Submitted": "auto-replied"}])
def test_a_password_is_not_kept_with_a_refused_mail(field: dict[str, str]) -> None:
    header = {"Subject": "Offer [password: s3cr3t]", **field}
    octets_of_it = "".join(f"{name}: {value}\r\n" for name, value in header.items()).encode() + b"\r\ntext"
    got = read(octets_of_it, Options(mail_options=frozenset({"password"})))
    assert got.refusal is not None
    assert got.subject == "Offer [password]"
    assert "0ther" not in got.refusal.text


@pytest.mark.parametrize(("hops", "refused"), [(100, False), (101, True)])
def test_a_mail_that_goes_round_is_not_faxed(hops: int, refused: bool) -> None:
    trace = b"Received: from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000\r\n" * hops
    refusal = read(trace + octets(with_pdf()), ALL).refusal
    assert isinstance(refusal, MailLoop) is refused


def test_what_a_person_sends_may_say_so() -> None:
    message = with_pdf()
    message["Auto-Submitted"] = "no"
    assert faxed(read(octets(message), ALL)) == [pdf()]


def test_all_documents_in_their_order() -> None:
    message = with_pdf()
    message.add_attachment(png(2000, 50), maintype="image", subtype="png", filename="scan.png")
    message.add_attachment("some text\n", filename="notes.txt")
    message.add_attachment(pdf(2), maintype="application", subtype="pdf", filename="last.pdf")
    got = read(octets(message), ALL)
    assert outcomes(got) == [(name, "faxed") for name in ("contract.pdf", "scan.png", "notes.txt", "last.pdf")]
    assert [each.content_type for each in got.parts] == [
        "application/pdf", "image/png", "text/plain", "application/pdf",
    ]  # fmt: skip


@pytest.mark.parametrize("declared", ["application/octet-stream", "text/plain", "image/jpeg", "nonsense", "", "a/b/c",
                                      "application/pkcs7-signature", "application/x-pdf"])  # fmt: skip
@pytest.mark.parametrize("name", ["contract.pdf", "contract", "contract.doc", "contract.p7s"])
def test_the_bytes_say_what_a_part_is(declared: str, name: str) -> None:
    got = read(mixed(MIMEText("hello"), part(declared, pdf(), name)), ALL)
    assert faxed(got) == [pdf()]
    assert got.parts[0].name == name or declared == ""


def test_a_document_without_name_or_type_in_the_place_of_the_text() -> None:
    got = read(b"MIME-Version: 1.0\r\n\r\n" + pdf().replace(b"\n", b"\r\n"), Options(inspect=False))
    assert [each.content_type for each in got.parts] == ["application/pdf"]


def test_a_mail_that_is_nothing_but_a_document() -> None:
    assert faxed(read(part("application/pdf", pdf()).as_bytes(), ALL)) == [pdf()]


def test_nested_parts_are_found() -> None:
    inner = MIMEMultipart("related", _subparts=[MIMEText("<p>", "html"), part("application/pdf", pdf(), "a.pdf")])
    outer = MIMEMultipart("alternative", _subparts=[MIMEText("hi"), inner])
    assert outcomes(read(mixed(outer, part("application/pdf", pdf(), "b.pdf")), ALL)) == [
        ("a.pdf", "faxed"), ("b.pdf", "faxed"),
    ]  # fmt: skip


NAMES = [
    ('filename="plain.pdf"', "plain.pdf"),
    ("filename=bare.pdf", "bare.pdf"),
    ("filename*=utf-8''Vertr%C3%A4ge.pdf", "Verträge.pdf"),
    ("filename*=iso-8859-1'de'Vertr%E4ge.pdf", "Verträge.pdf"),
    ("filename*0*=utf-8''Ver; filename*1*=tr%C3%A4ge; filename*2=.pdf", "Verträge.pdf"),
    ('filename="=?utf-8?q?Vertr=C3=A4ge.pdf?="', "Verträge.pdf"),
    ('filename="=?utf-8?b?VmVydHLDpGdlLnBkZg==?="', "Verträge.pdf"),
    ('filename="=?utf-8?b?VmVy?=\r\n =?utf-8?b?dHLDpGdlLnBkZg==?="', "Verträge.pdf"),
    ('filename="Verträge.pdf"', "Verträge.pdf"),
    ('filename="=?utf-8?b?%%%?="', "attachment-1.pdf"),
    ('filename="=?nonsense?q?a=20b?="', "a b"),
    ("filename*=nonsense''a%20b", "a b"),
    ("filename*=utf-8''%FF%FE", "\ufffd\ufffd"),
    ('filename="../../etc/passwd"', "../../etc/passwd"),
    ('filename="a\x00\x1bb.pdf"', "a b.pdf"),
    ('filename="a\u202efdp.exe"', "a fdp.exe"),
    ("filename", "attachment-1.pdf"),
    ('filename=""', "attachment-1.pdf"),
    ('filename="' + "x" * 500 + '"', "x" * 255),
]


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("Subject: =?utf-8?q?Vertr=C3=A4ge?= 2026", "Verträge 2026.eml"),
        ("Subject: a\x1b\u202eb", "a b.eml"),
        ("Subject: " + "x" * 500, "x" * 251 + ".eml"),
        ("Subject: ", "attachment-1.eml"),
        ("From: alice@example.com", "attachment-1.eml"),
        ("no header", "attachment-1.eml"),
    ],
)
def test_a_forwarded_mail_is_called_by_its_subject(subject: str, name: str) -> None:
    """Outlook, Apple's Mail and mutt give it no name of its own."""
    (only,) = read(part("message/rfc822", f"{subject}\r\n\r\nhello".encode()).as_bytes(), ALL).parts
    assert only.name == name


@pytest.mark.parametrize(("written_as", "name"), NAMES)
def test_names(written_as: str, name: str) -> None:
    content = part("application/pdf", pdf())
    mail = content.as_bytes().replace(b"\n\n", f"\nContent-Disposition: attachment; {written_as}\n\n".encode(), 1)
    (only,) = read(mail, ALL).parts
    assert only.name == name


def test_subjects_are_readable() -> None:
    for raw, subject in [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"), ("Grüße".encode(), "Grüße"), ("Grüße".encode("latin-1"), "Grüße"),
        (b"=?x?y?z?=", "=?x?y?z?="), (b"a\r\n b", "a  b"), (b"=?utf-8?q?a=0D=0ABcc:_x?=", "a Bcc: x"),
    ]:  # fmt: skip
        assert " ".join(read(b"Subject: " + raw + b"\r\n\r\n", ALL).subject.split()) == " ".join(subject.split())


REFUSING = [
    (part("application/ms-tnef", b"\x78\x9f\x3e\x22" + b"x" * 20, "winmail.dat"), 'winmail.dat" is damaged'),
    (part("application/octet-stream", b"\x78\x9f\x3e\x22xxxyyyzzzxxx", "att.bin"), 'att.bin" is damaged'),
    (part("application/ms-tnef", b"", "winmail.dat"), 'winmail.dat" is damaged'),
    (part("application/ms-tnef", tnef(Attached("all.zip", b"PK\x03\x04rest"))), 'all.zip" is a ZIP archive'),
    (
        part("message/rfc822", mixed(MIMEText("x"), part("application/zip", b"PK\x03\x04rest", "in.zip"))),
        'in.zip" is a ZIP archive',
    ),
    (part("application/pkcs7-mime", b"\x30\x80", "smime.p7m"), "S/MIME"),
    (part("application/pgp-encrypted", b"Version: 1"), "PGP"),
    (part("message/external-body", b"", "x"), "elsewhere"),
    (part("application/zip", b"PK\x03\x04" + b"\0" * 50, "all.zip"), 'all.zip" is a ZIP archive, which cannot be'),
    (part("application/octet-stream", b"PK\x03\x04rest", "a.docx"), "a Word document (.docx)"),
    (
        part("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04rest"),
        'document "attachment-2" ',
    ),
    (
        part("application/zip", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "a.XLSX"),
        "an Excel workbook (.xlsx)",
    ),
    (part("application/zip", b"PK\x03\x04rest", "a.pptx"), "a PowerPoint presentation (.pptx)"),
    (
        part(
            "application/vnd.oasis.opendocument.text",
            b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text",
            "letter",
        ),
        'document "letter" ',  # no OpenDocument text, or one that nothing here can open
    ),
    (part("application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc"), "a Word document (.doc)"),
    (part("application/octet-stream", b"\0\1\2\3", "x.bin"), "What can: PDF, TIFF, PNG, JPEG, GIF, BMP, WebP, HEIC"),
    (part("application/pdf", b"", "empty.pdf"), 'empty.pdf" is empty'),
    (part("application/pdf", b"%PDF-1.4 nonsense", "broken.pdf"), "broken.pdf"),
    (part("application/pdf", pdf(0), "pageless.pdf"), "pageless.pdf"),
    (part("image/png", png(10, 10)[:20], "cut.png"), "cut.png"),
    (part("application/pdf", b"<b>not found</b>", "page.pdf"), "page.pdf"),
    (part("application/octet-stream", b"not found", "text.pdf"), 'text.pdf" (application/octet-stream) is damaged'),
    (part("image/svg+xml", b"<svg/>", "drawing.svg"), "drawing.svg"),
]


@pytest.mark.parametrize(("refusing", "words"), REFUSING, ids=[row[1][:20] for row in REFUSING])
def test_what_cannot_be_faxed_refuses_the_mail_and_is_named(refusing: MIMEApplication, words: str) -> None:
    got = read(mixed(MIMEText("hi"), part("application/pdf", pdf(), "good.pdf"), refusing), ALL)
    assert isinstance(got.refusal, DocumentRefused)
    assert words in got.refusal.text
    assert [outcome for _, outcome in outcomes(got)] == ["left out", "refused"]
    assert all(not each.content for each in got.parts)


def test_an_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    import pikepdf

    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(tmp_path / "x.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    got = read(mixed(part("application/pdf", (tmp_path / "x.pdf").read_bytes(), "secret.pdf")), ALL)
    assert isinstance(got.refusal, DocumentRefused)
    assert "secret.pdf" in got.refusal.text
    assert "password" in got.refusal.text


LEAVING = [
    (part("application/pkcs7-signature", b"\x30\x80", "smime.p7s"), "S/MIME"),
    (part("application/octet-stream", b"\x30\x80", "smime.p7s"), "S/MIME"),
    (part("application/pgp-signature", b"-----BEGIN PGP SIGNATURE-----", "signature.asc"), "PGP"),
    (part("application/pgp-keys", b"-----BEGIN PGP PUBLIC KEY BLOCK-----", "key.asc"), "PGP"),
    (part("text/vcard", b"BEGIN:VCARD\r\n", "bob.vcf"), "card"),
    (part("text/x-vcard", b"BEGIN:VCARD\r\n"), "card"),
    (part("application/octet-stream", b"BEGIN:VCARD\r\n", "bob"), "card"),
    (part("text/calendar", b"BEGIN:VCALENDAR\r\n", "invite.ics"), "invitation"),
    (part("text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\n"), "invitation"),
    (part("application/ms-tnef", tnef(plain="hi"), "winmail.dat"), "formatting"),
    (part("text/html", b"<html>footer", "ATT00001.htm"), "text of the mail"),
    (part("image/png", png(100, 40), "logo.png", Content_ID="<l>", Content_Disposition="inline"), "logo"),
    (part("image/png", png(100, 40), "image001.png", Content_ID="<image001>"), "logo"),
    (part("image/gif", b"GIF89a" + b"\0" * 10, "pixel.gif", Content_Disposition="inline"), "logo"),
]


@pytest.mark.parametrize(("leaving", "words"), LEAVING, ids=[row[1] for row in LEAVING])
def test_what_is_left_out(leaving: MIMEApplication, words: str) -> None:
    got = read(mixed(MIMEText("hi"), part("application/pdf", pdf(), "good.pdf"), leaving), ALL)
    assert faxed(got) == [pdf()]
    (left,) = [each for each in got.parts if each.outcome == "left out"]
    assert words in left.reason
    alone = read(mixed(MIMEText("hi"), leaving), ALL)
    assert isinstance(alone.refusal, NoDocument)


HTML = [
    part("text/html", b"<p>hello", "page.html", Content_Disposition="attachment"),
    part("application/octet-stream", b"<p>hello", "page.htm"),
    part("text/html", b"<p>hello", "page.html"),
    part("text/html", b"<html>hello", "", Content_Disposition="attachment"),
]


@pytest.mark.parametrize("page", HTML)
def test_a_web_page_that_is_attached_is_faxed(page: MIMEApplication) -> None:
    got = read(mixed(MIMEText("hi"), page), ALL)
    assert faxed(got) == [page.get_payload(decode=True)]
    assert [each.content_type for each in got.parts] == ["text/html"]


def test_a_web_page_that_is_attached_is_in_its_mails_charset() -> None:
    declared = 'text/html; charset="koi8-r"'
    page = part(declared, "<meta charset=utf-8>Привет".encode("koi8-r"), Content_Disposition="attachment")
    assert faxed(read(mixed(MIMEText("hi"), page), ALL)) == ["\ufeff<meta charset=utf-8>Привет".encode()]


KEPT = [
    part("image/png", png(100, 40), "stamp.png", Content_Disposition="attachment"),
    part("image/png", png(100, 40), "stamp.png"),
    part("image/png", png(1000, 1400), "photo.png", Content_ID="<p>", Content_Disposition="inline"),
]


@pytest.mark.parametrize("kept", KEPT)
def test_pictures_that_are_faxed(kept: MIMEApplication) -> None:
    assert len(faxed(read(mixed(MIMEText("hi"), kept), ALL))) == 1


def test_the_text_of_a_mail_is_no_attachment() -> None:
    message = written()
    message.add_alternative("<p>Please see attached.</p>", subtype="html")
    message.add_attachment(pdf(), maintype="application", subtype="pdf", filename="a.pdf")
    assert outcomes(read(octets(message), ALL)) == [("a.pdf", "faxed")]


def test_the_text_as_page() -> None:
    got = read(octets(written("Grüße aus Köln\n")), BODY)
    assert faxed(got) == ["Grüße aus Köln".encode()]
    latin = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n"
    assert faxed(read(latin, BODY)) == ["Grüße".encode()]


@pytest.mark.parametrize("html", ["", "<html><head><title>x</title></head><body>&nbsp;<br></body></html>"])
def test_no_text_for_a_page(html: str) -> None:
    mail = written("  \n\n")
    if html:
        mail.set_content(html, subtype="html")
    assert isinstance(read(octets(mail), BODY).refusal, NoDocument)


def test_the_html_as_page() -> None:
    message = written("Grüße")
    message.add_alternative("<p>Grüße <img src=http://example.com/x.png>", subtype="html")
    (document,) = faxed(read(octets(message), BODY))
    assert document == "\ufeff<p>Grüße <img src=http://example.com/x.png>\r\n".encode()
    assert outcomes(read(octets(message), BODY)) == [("message.html", "faxed")]
    assert read(octets(message), BODY).text == "", "and so it is on no cover page"
    assert isinstance(read(octets(message), ALL).refusal, NoDocument)


def test_text_before_and_behind_html_is_on_its_page() -> None:
    (document,) = faxed(read(mixed(MIMEText("Dear <Bob>"), MIMEText("<p>a table", "html"), MIMEText("Regards")), BODY))
    assert isinstance(document, bytes)
    places = [document.index(words) for words in (b"Dear &lt;Bob&gt;", b"<p>a table", b"Regards")]
    assert places == sorted(places)


ATTACHED = [
    part("message/rfc822", b"Subject: x\r\n\r\nhello", "forwarded.eml"),
    part("message/rfc822", b"Subject: x\r\n\r\nhello"),
    part("application/octet-stream", b"Subject: x\r\n\r\nhello", "forwarded.eml"),
    part("application/octet-stream", b"MIME-Version: 1.0\r\nSubject: x\r\n\r\nhello", "forwarded"),
]


@pytest.mark.parametrize("attached", ATTACHED)
def test_a_mail_that_is_attached_is_faxed(attached: MIMEApplication) -> None:
    got = read(mixed(MIMEText("hi"), attached, part("application/pdf", pdf(), "good.pdf")), ALL)
    assert [each.content_type for each in got.parts if each.outcome == "faxed"] == ["message/rfc822", "application/pdf"]


def test_the_documents_in_the_envelope_of_outlook_are_faxed() -> None:
    envelope = part("application/ms-tnef", tnef(Attached("contract.pdf", pdf(3)), plain="hi"), "winmail.dat")
    got = read(mixed(MIMEText("hi"), envelope), ALL)
    assert outcomes(got) == [("winmail.dat", "faxed")]
    assert got.parts[0].pages == 3


NAMED = [
    part("text/plain", b"Please see attached.", "body.txt", Content_Disposition="inline"),
    part("text/html", b"<p>Please see attached.</p>", "mail.html", Content_Disposition="inline"),
    part("text/html", b"<p>Please see attached.</p>", "mail.html"),
]


@pytest.mark.parametrize("text", NAMED)
def test_the_text_with_which_a_mail_opens_is_its_text_whatever_its_name(text: MIMEApplication) -> None:
    got = read(mixed(text, part("application/pdf", pdf(), "good.pdf")), ALL)
    assert faxed(got) == [pdf()]
    (left,) = [each for each in got.parts if each.outcome == "left out"]
    assert (left.content_type, left.reason) == (text.get_content_type(), "the text of the mail")
    assert isinstance(read(mixed(text), ALL).refusal, NoDocument)


def test_a_named_text_as_page() -> None:
    assert outcomes(read(mixed(NAMED[0]), BODY)) == [("message.txt", "faxed")]


def test_a_second_text_that_is_shown_in_place_is_a_document_and_html_never_is() -> None:
    notes = part("text/plain", b"some notes", "notes.txt", Content_Disposition="inline")
    html = part("text/html", b"<p>Regards</p>", "end.html", Content_Disposition="inline")
    got = read(mixed(MIMEText("hi"), notes, html), ALL)
    assert outcomes(got) == [("notes.txt", "faxed"), ("end.html", "left out")]


RETINA = part("image/png", png(1200, 400), "image001.png", Content_ID="<image001>", Content_Disposition="inline")
SMALL = part("image/png", png(100, 40), "image002.png", Content_ID="<image002>", Content_Disposition="inline")


def in_html(*pictures: MIMEApplication) -> MIMEMultipart:
    return MIMEMultipart("related", _subparts=[MIMEText("<img src=cid:image001>", "html"), *pictures])


def test_a_picture_in_the_html_is_no_page_of_a_mail_that_has_a_document() -> None:
    got = read(mixed(in_html(RETINA, SMALL), part("application/pdf", pdf(), "good.pdf")), ALL)
    assert faxed(got) == [pdf()]
    assert [(each.name, each.reason) for each in got.parts] == [
        ("image001.png", "a picture in the text of the mail"),
        ("image002.png", "a small picture in the text (logo or signature)"),
        ("good.pdf", ""),
    ]


def test_a_pasted_screenshot_is_the_document_of_a_mail_without_another(tmp_path: Path) -> None:
    got = read(mixed(in_html(SMALL, RETINA)), ALL)
    assert outcomes(got) == [("image002.png", "left out"), ("image001.png", "faxed")]
    assert faxed(got) == [png(1200, 400)]
    (spooled,) = faxed(read(mixed(in_html(RETINA)), Options(spool=tmp_path)))
    assert isinstance(spooled, Path)
    assert spooled.read_bytes() == png(1200, 400)


def test_a_picture_of_the_html_that_is_attached_is_a_document() -> None:
    attached = part("image/png", png(1200, 400), "a.png", Content_ID="<a>", Content_Disposition="attachment")
    got = read(mixed(in_html(attached), part("application/pdf", pdf(), "good.pdf")), ALL)
    assert faxed(got) == [png(1200, 400), pdf()]


def test_the_html_as_page_with_its_pictures() -> None:
    other = part("image/png", png(1000, 1000), "other.png", Content_ID="<other>", Content_Disposition="inline")
    got = read(mixed(MIMEText("Dear Bob"), in_html(RETINA, SMALL, other)), BODY)
    assert outcomes(got) == [("message.eml", "faxed"), ("image002.png", "left out"), ("other.png", "faxed")]
    page, picture = faxed(got)
    assert isinstance(page, bytes)
    (document,) = mail.documents(page, Kind.MAIL, "message.eml")
    assert document.parts == {"image001": png(1200, 400)}
    assert b"Dear Bob" in document.content
    assert picture == png(1000, 1000)


def test_a_document_beats_the_text_as_page() -> None:
    assert outcomes(read(octets(with_pdf()), BODY)) == [("contract.pdf", "faxed")]


def test_a_text_attachment_is_given_in_utf8() -> None:
    attached = part("text/plain; charset=iso-8859-1", b"Gr\xfc\xdfe", Content_Disposition="attachment; filename=a.txt")
    assert faxed(read(mixed(MIMEText("x"), attached), ALL)) == ["Grüße".encode()]


def test_transfer_encodings() -> None:
    for encoding, encoded in [
        ("7bit", pdf()), ("Base64 ", b"JVBERi0xLjQK"), ("base64", b"JVBE\r\nRi0x\r\nLjQK=="),
        ("BASE64", b"JVBERi0xLjQ"),
        ("base64;", b"JVBERi0xLjQK"), ("base64 (comment)", b"JVBERi0xLjQK"), ("(7bit) Base64", b"JVBERi0xLjQK"),
        ('"base64"', b"JVBERi0xLjQK"), ("quoted-printable; x=y", b"=25PDF-1.4"), ("8bit (utf-8)", b"%PDF-1.4"),
        ("utf-8", b"%PDF-1.4"),
        ("base64", b"JVBERi0x*LjQK"), ("quoted-printable", b"=25PDF-1.=\r\n4"), ("binary", b"%PDF-1.4\xff"),
    ]:  # fmt: skip
        mail = b"Content-Transfer-Encoding: %s\r\nContent-Type: application/pdf\r\n\r\n%s" % (
            encoding.encode(),
            encoded,
        )
        (only,) = read(mail, Options(inspect=False)).parts
        assert (only.content_type, only.outcome) == ("application/pdf", "faxed")
    got = read(b"Content-Transfer-Encoding: x-uuencode\r\nContent-Type: application/pdf; name=u.pdf\r\n\r\n", ALL)
    assert got.refusal
    assert "transfer encoding" in got.refusal.text


def test_an_unknown_transfer_encoding_of_the_text_does_not_refuse_the_mail() -> None:
    text = part("text/plain", b"x")
    text.replace_header("Content-Transfer-Encoding", "utf-8")
    text.set_payload("hello")
    assert outcomes(read(mixed(text, part("application/pdf", pdf(), "good.pdf")), ALL)) == [("good.pdf", "faxed")]
    assert faxed(read(mixed(text), BODY)) == [b"hello"]


@pytest.mark.parametrize(("declared", "name"), [("application/pdf", ""), ("text/plain", "notes.txt")])
def test_an_unknown_transfer_encoding_of_a_document_refuses_the_mail_by_its_name(declared: str, name: str) -> None:
    document = part(declared, b"x", name, Content_Disposition="attachment")
    document.replace_header("Content-Transfer-Encoding", "x-uuencode")
    document.set_payload("begin 644 x\nend\n")
    refusal = read(mixed(MIMEText("hi"), document), ALL).refusal
    assert refusal
    assert refusal.text.startswith(f'The attachment "{name or "attachment-1"}')
    assert "unknown transfer encoding" in refusal.text


def test_a_multipart_without_its_last_boundary_or_without_any() -> None:
    mail = mixed(MIMEText("hi"), part("application/pdf", pdf(), "a.pdf"))
    assert outcomes(read(mail[: mail.rindex(b"--==")], ALL)) == [("a.pdf", "faxed")]
    for parameter in (b"", b"; boundary=x"):
        refusal = read(b"Content-Type: multipart/mixed" + parameter + b"\r\n\r\nx", ALL).refusal
        assert refusal
        assert "cannot be told apart" in refusal.text


def test_a_boundary_that_begins_another_is_not_taken_for_it() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\n%PDF-1.4\r\n--bb--\r\n"
    mail = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner + b"--b\r\n\r\ntext\r\n--b--\r\n"
    assert [each.content_type for each in read(mail, Options(inspect=False)).parts] == ["application/pdf"]


def test_identity() -> None:
    first = read(octets(with_pdf()), ALL)
    assert first.identity == read(octets(with_pdf()).replace(b"Contract", b"Another"), ALL).identity or first.identity
    assert read(b"X: y\r\n\r\nbody", ALL).identity == ""
    by_date = read(b"Date: today\r\n\r\nbody", ALL).identity
    assert by_date.startswith("today ")
    assert by_date != read(b"Date: today\r\n\r\nbodY", ALL).identity


SIGNED = b"From: a@example.com\r\nMessage-ID:  <1@example.com>\r\nDate: Mon, 23 Nov 2026\r\n\r\na b\r\nc\r\n"


@pytest.mark.parametrize(
    ("fields", "change", "same"),
    [
        ("message-id", (b"<1@", b"<2@"), False),
        ("message-id", (b"ID:  <1@", b"id:\r\n\t<1@"), True),
        ("message-id", (b"Message-ID:", b"Message-ID: <2@example.com>\r\nMessage-ID:"), True),
        ("message-id", (b"Date: Mon", b"Date: Tue"), True),
        ("date", (b"Date: Mon", b"Date: Tue"), False),
        ("date", (b"Mon, 23", b"Mon,\r\n  23"), True),
        ("date", (b"<1@", b"<2@"), True),
        ("date", (b"Message-ID:", b"X-ID:"), True),
        ("", (b"<1@", b"<2@"), True),
        ("", (b"Date: Mon", b"Date: Tue"), True),
        ("", (b"Message-ID:", b"X-ID:"), True),
        ("", (b"a b\r\n", b"a \t b \r\n"), True),
        ("", (b"c\r\n", b"c\r\n\r\n"), True),
        ("", (b"a b", b"a c"), False),
        ("message-id", (b"a b", b"a c"), False),
    ],
)
def test_a_mail_proven_by_its_signature_is_the_same_whatever_else_is_changed(
    fields: str, change: tuple[bytes, bytes], *, same: bool
) -> None:
    options = replace(ALL, signed=frozenset(("from", *fields.split())))
    before, after = read(SIGNED, options).identity, read(SIGNED.replace(*change), options).identity
    assert change[0] in SIGNED
    assert before
    assert (before == after) == same


def test_mail_to_the_operator_alone_is_not_looked_into() -> None:
    got = read(mixed(part("application/zip", b"PK\x03\x04", "a.zip")), Options(faxed=False))
    assert (got.subject, got.parts, got.refusal) == ("Parts", (), None)


def test_a_large_mail_is_read_from_its_file_into_files(tmp_path: Path) -> None:
    mail = tmp_path / "mail"
    mail.write_bytes(octets(with_pdf(filler=b"z" * 100_000)))
    (document,) = faxed(read(mail, Options(spool=tmp_path)))
    assert isinstance(document, Path)
    assert document.parent == tmp_path
    assert document.read_bytes() == pdf(filler=b"z" * 100_000)


def test_documents_for_which_there_is_no_room_refuse_the_mail_for_now(tmp_path: Path) -> None:
    (tmp_path / "part-0.pdf").symlink_to("/dev/full")
    got = read(octets(with_pdf()), Options(spool=tmp_path))
    assert isinstance(got.refusal, OurTrouble)
    assert "No space left" in got.refusal.detail


HOSTILE = {
    "deep": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)),
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
    "many empty parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 100_000,
    "large header": b"X: y\r\n" * 100_000 + b"\r\n",
    "long field": b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "large header of a part": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + b"X: y\r\n" * 100_000,
    "many parameters": b"Content-Type: application/pdf" + b'; a="b"' * 30_000 + b"\r\n\r\nx",
    "many continuations": b"Content-Disposition: x" + b"".join(b"; name*%d=x" % n for n in range(900)) + b"\r\n\r\n",
    "quotes": b"Content-Type: multipart/mixed; boundary=" + b'"' * 16_000 + b"\r\n\r\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 1100 + b"\r\n\r\n",
    "nearly boundaries": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bx\r\n" * 1_000_000,
    "no lines": b"\0" * 5_000_000,
}  # fmt: skip


@pytest.mark.parametrize("mail", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mails_are_refused_in_time(mail: bytes) -> None:
    began = time.process_time()
    got = read(mail, ALL)
    assert isinstance(got.refusal, FaxgateError)
    assert time.process_time() - began < 2


PIECES = st.sampled_from([
    b"\r\n", b"\r\n\r\n", b"\n", b"--b", b"--b--", b"--c\r\n", b"Content-Type: multipart/mixed; boundary=b",
    b"; boundary=c",
    b"Content-Type: multipart/alternative; boundary=\"c\"", b"Content-Type: text/plain; charset=utf-16",
    b"; charset=hex",
    b"Content-Type: application/pdf; name*0*=''%ff; name*1=x", b"Content-Transfer-Encoding: base64", b"=?utf-8?b?x?=",
    b"Content-Disposition: attachment; filename*=utf-7'x'%41", b"JVBERi0xLjQ", b"%PDF-1.4", b"GIF89a", b"\xff\xd8\xff",
    b"Content-ID: <x>", b"Content-Disposition: inline", b"Content-Transfer-Encoding: quoted-printable", b"=ZZ=\r\n",
    b"Subject: =?idna?q?=FF?=", b"Message-ID: \x00\xff", b"charset*=x'", b"Content-Type: message/rfc822", b"name=\"a\\",
    b"Content-Type: image/png; name=logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"II*\0\x08\0\0\0",
    b"\x78\x9f\x3e\x22",
])  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.one_of(PIECES, PIECES, st.binary(max_size=8)), max_size=40).map(b"".join), st.booleans())
def test_every_mail_is_read_or_refused(mail: bytes, body_as_page: bool) -> None:
    got = read(mail, Options(body_as_page=body_as_page))
    assert isinstance(got, Message)
    assert pickle.loads(pickle.dumps(got)).parts == got.parts
    assert got.refusal is not None or any(each.outcome == "faxed" for each in got.parts)
    for text in (got.subject, got.message_id, *(each.name for each in got.parts)):
        text.encode()
        assert "\n" not in text
        assert "\r" not in text


@given(st.binary(max_size=200), st.sampled_from(["mixed", "related", "alternative"]))
def test_what_was_attached_is_what_is_read(content: bytes, kind: str) -> None:
    mail = mixed(MIMEText("text"), part("application/x-test", content, "x"), kind=kind)
    header, body = mime.split_header(mail)
    assert [leaf.decode() for leaf in mime.leaves(mail, header, body)] == [b"text", content]
