"""The letters, read as a mail program reads them."""

import email
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.accounts import Account, Faxbox
from gateway.alerts import alert_of
from gateway.enclosures import Enclosed
from gateway.fax import CallResult, Document, Fax, LeftOut, Status
from gateway.letters import Letterhead, cancelled, failure, inbound_fax, operator_alert, receipt, still_trying

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40
BUSY = CallResult(success=False, answered=False, cause=17)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
VOID = frozenset({"meta", "br", "img"})


class Page(HTMLParser):
    """What a mail program shows of the HTML, and which elements there are; fails where they do not nest."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self._open: list[str] = []
        self._text: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name == "href" for name, _ in attrs)
        # Nothing is loaded from anywhere: a picture is a part of the mail itself (RFC 2392).
        assert all((value or "").startswith("cid:") for name, value in attrs if name == "src")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._text).split())


def read(raw: bytes) -> EmailMessage:
    """Parse as a receiver does, holding the letter to RFC 5322 on the way."""
    assert b"\r\n" in raw
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def plain(message: EmailMessage) -> str:
    return " ".join(body(message, "plain").split())


def page(message: EmailMessage) -> Page:
    return Page(body(message, "html"))


def test_a_received_fax_comes_with_its_pdf(head: Letterhead, received: Fax, faxbox: Faxbox, account: Account) -> None:
    message = read(inbound_fax(head, received, faxbox, account, Enclosed(pdf=PDF)))

    assert message["Subject"] == "Fax from +1 202-555-0190, 2 pages"
    assert message["From"] == "Sales <faxgate@fax.example.com>"
    assert message["To"] == "alice@example.com"
    assert message["Date"].datetime == head.date
    assert message["Message-ID"] == "<0192f0c3a1b27c4d8e5f60718293a4b6@fax.example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Faxgate-Notice"] == head.notice_id
    assert message["X-Faxgate-Fax"] == received.id
    assert message["List-Id"] == "Notices of faxes <notices.fax.example.com>"
    (attachment,) = message.iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_content() == PDF
    assert attachment.get_filename() == "fax-2026-11-23-1405-from-12025550190.pdf"
    for text in (plain(message), page(message).text):
        for fact in (
            "+1 202-555-0190 (ACME CORP)",
            "+1 555-123-0001 (Sales)",
            "23 November 2026, 14:05:09 CET",
            "1 min 01 s",
            "9,600 bit/s, without error correction",
            "The fax is attached as PDF.",
        ):
            assert fact in text


def test_a_fax_that_is_not_attached_says_so(head: Letterhead, received: Fax, faxbox: Faxbox, account: Account) -> None:
    message = read(inbound_fax(head, received, faxbox, account))
    assert list(message.iter_attachments()) == []
    assert "not attached" in plain(message)
    assert "not attached" in page(message).text


def test_a_fax_may_come_as_tiff_or_both(head: Letterhead, received: Fax, faxbox: Faxbox, account: Account) -> None:
    message = read(inbound_fax(head, received, faxbox, account, Enclosed(pdf=PDF, tiff=b"II*\0")))
    assert [part.get_content_type() for part in message.iter_attachments()] == ["application/pdf", "image/tiff"]
    names = [part.get_filename() for part in message.iter_attachments()]
    assert names == [f"fax-2026-11-23-1405-from-12025550190.{extension}" for extension in ("pdf", "tif")]
    assert "The fax is attached as PDF and TIFF." in plain(message)


@pytest.mark.parametrize("letter", [receipt, failure])
def test_its_sender_sees_the_first_page(
    head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, letter: Callable[..., bytes]
) -> None:
    message = read(letter(head, sent, faxbox, account, Enclosed(picture=PNG)))
    assert list(message.iter_attachments()) == []
    (picture,) = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == PNG
    assert picture.get_content_disposition() == "inline"
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in body(message, "html")
    assert "The first page" not in plain(message)
    without = read(letter(head, sent, faxbox, account))
    assert "img" not in page(without).tags
    assert not [part for part in without.walk() if part.get_content_maintype() == "image"]


def test_its_sender_may_get_the_whole_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    message = read(receipt(head, sent, faxbox, account, Enclosed(pdf=PDF)))
    (attachment,) = message.iter_attachments()
    assert attachment.get_content() == PDF
    assert "delivered" in plain(message)


@pytest.mark.parametrize(
    ("total", "words"), [(0, "1 page, total unknown"), (3, "1 of 3 pages")], ids=["total unknown", "total known"]
)
def test_a_partial_fax_is_marked_incomplete(
    head: Letterhead, received: Fax, faxbox: Faxbox, account: Account, total: int, words: str
) -> None:
    result = CallResult(success=False, answered=True, pages=1, total_pages=total, result_code=49)
    fax = replace(received, status=Status.PARTIAL, pages=1, result=result)
    message = read(inbound_fax(head, fax, faxbox, account, Enclosed(pdf=PDF)))

    assert message["Subject"] == f"INCOMPLETE fax from +1 202-555-0190, {words}"
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "fax-2026-11-23-1405-from-12025550190-incomplete.pdf"
    for text in (plain(message), page(message).text):
        assert words in text
        assert "The call was cut off after page 1." in text
        assert "ask the sender" in text


def test_a_receipt_answers_the_senders_mail(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    message = read(receipt(head, sent, faxbox, account))

    assert message["Subject"] == "Faxed to +1 202-555-0190: Contract, signed"
    assert message["In-Reply-To"] == message["References"] == "<mail-1@mail.example.com>"
    assert message["Auto-Submitted"] == "auto-replied"
    for text in (plain(message), page(message).text):
        for fact in (
            "confirmed all 3 pages",
            "14,400 bit/s, with error correction",
            "1 min 38 s",
            "+1 202 555 0190",
            "23 November 2026, 14:05:09 CET",
            "contract.pdf (123 kB)",
            "logo.png (900 bytes): a small picture",
        ):
            assert fact in text
    assert "Calls made: 2" in plain(message)


def test_a_busy_line_is_told_in_plain_words(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = replace(sent, status=Status.FAILED, attempts=4, result=BUSY)
    message = read(failure(head, fax, faxbox, account))
    assert message["Subject"] == "NOT faxed to +1 202-555-0190: Contract, signed"
    assert message["In-Reply-To"] == "<mail-1@mail.example.com>"
    for text in (plain(message), page(message).text):
        assert "The line was busy." in text
        assert "Please send it again later." in text
        assert "0 of 3 got through" in text
        assert "bit/s" not in text


def test_the_pages_that_got_through_are_told(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    result = CallResult(success=False, answered=True, pages=1, total_pages=3, result_code=49)
    message = read(failure(head, replace(sent, status=Status.FAILED, result=result), faxbox, account))
    for text in (plain(message), page(message).text):
        assert "The call was cut off after page 1 of 3." in text
        assert "1 of 3 got through" in text


def test_an_unknown_outcome_warns_of_a_double(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = replace(sent, status=Status.FAILED, result=None, error="outcome unknown, the fax may have arrived")
    message = read(failure(head, fax, faxbox, account, unknown=True))
    assert message["Subject"] == "Fax to +1 202-555-0190: outcome unknown: Contract, signed"
    for text in (plain(message), page(message).text):
        assert "may have arrived" in text
        assert "ask the recipient" in text
        assert "not delivered" not in text.lower()
        assert "got through" not in text


def test_a_document_that_never_became_a_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = replace(sent, status=Status.FAILED, attempts=0, pages=0, result=None, error="secret.pdf is encrypted")
    message = read(failure(head, fax, faxbox, account))
    for text in (plain(message), page(message).text):
        assert "secret.pdf is encrypted." in text
        assert "Pages" not in text


def test_a_cancelled_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    message = read(cancelled(head, replace(sent, status=Status.CANCELLED, result=None), faxbox, account))
    assert message["Subject"] == "Fax to +1 202-555-0190 cancelled: Contract, signed"
    for text in (plain(message), page(message).text):
        assert "No page of it got through." in text


def test_the_operator_is_told_what_and_where_and_what_to_do(head: Letterhead) -> None:
    down = CallResult(success=False, answered=False, hangup_cause="GATEWAY_DOWN")
    alert = alert_of(down)
    assert alert is not None
    message = read(operator_alert(head, alert, "0192f0c3", "freeswitch://fs.example.com:8021", "SIP 503\r\nBcc: x@y"))
    assert message["Subject"] == "Fax line freeswitch://fs.example.com:8021: GATEWAY_DOWN"
    assert message["To"] == "alice@example.com"
    assert message["Message-ID"] == "<0192f0c3a1b27c4d8e5f60718293a4b6@fax.example.com>"
    assert message["X-Faxgate-Fax"] == "0192f0c3"
    for text in (plain(message), page(message).text):
        for fact in (
            "The trunk is down: FreeSWITCH cannot place calls through it.",
            "`sofia status gateway`",
            "The fax goes out on another line, or waits until this one works again, for 24 hours at most.",
            "freeswitch://fs.example.com:8021",
            "GATEWAY_DOWN",
            "SIP 503 Bcc: x@y",
            "23 November 2026, 13:05:09 UTC",
            "Fax 0192f0c3",
        ):
            assert fact in text
    unreadable = alert_of(CallResult(success=False, answered=True, result_code=41))
    assert unreadable is not None
    message = read(operator_alert(head, unreadable, "0192f0c3", "loopback", ""))
    assert message["Subject"] == "Fax line loopback: T.30 41"
    for text in (plain(message), page(message).text):
        assert "The fax has failed, and its sender is told." in text
        assert "In words" not in text


Letter = Callable[[Letterhead, Fax, Faxbox | None, Account], bytes]
LETTERS: tuple[Letter, ...] = (inbound_fax, receipt, failure, cancelled)


def hostile(fax: Fax, text: str) -> Fax:
    """The same fax, with `text` wherever somebody else writes."""
    assert fax.result is not None
    return replace(
        fax,
        subject=text,
        message_id=text,
        from_name=text,
        from_number=text,
        to_name=text,
        to_number=text,
        error=text,
        destination="",
        result=replace(fax.result, remote_station_id=text, success=False, pages=0, result_code=None, answered=False),
        documents=(Document(key="d", name=text, content_type="application/pdf", bytes=1),),
        left_out=(LeftOut(name=text, content_type=text, bytes=1, reason=text),),
    )


INJECTIONS = [
    "x\r\nBcc: victim@example.com\r\n\r\nhello",
    "\x00\x07\x1b[31m\x7f\u2028\u2029\u202e",
    "<script>alert(1)</script><img src=x onerror=y>",
    '"; </title></style><a href="http://evil.example">',
    "{{ 77 * 91 }}{% for x in y %}",
    'O"Brien, <evil@example.com>; (x) \\',
    "\udce4\udcf6",
    "ünï" * 300,
    "A" * 5000,
    "<" + "a" * 400 + "@x>",
    "",
]


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.__name__)
@pytest.mark.parametrize("text", INJECTIONS, ids=range(len(INJECTIONS)))
def test_what_others_wrote_is_harmless(
    letter: Letter, text: str, head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account
) -> None:
    check_harmless(letter, text, head, sent, faxbox, account)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(letter=st.sampled_from(LETTERS), text=st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_text_is_harmless(
    letter: Letter, text: str, head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account
) -> None:
    check_harmless(letter, text, head, sent, faxbox, account)


def check_harmless(letter: Letter, text: str, head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    usual = read(letter(head, replace(hostile(sent, "x"), from_name="x"), faxbox, account))
    message = read(letter(head, hostile(sent, text), replace(faxbox, name=text), replace(account, name=text)))
    assert {*message.keys()} <= {*usual.keys()}
    assert len(message.keys()) == len({*message.keys()})
    assert [address.addr_spec for address in message["From"].addresses] == [head.sender]
    assert [address.addr_spec for address in message["To"].addresses] == [head.recipient]
    assert {unicodedata.category(c) for c in message["Subject"]}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert {*page(message).tags} <= {*page(usual).tags}
    assert "7007" not in body(message, "plain").replace(text, "")  # 77 * 91
    for kind in ("plain", "html"):
        assert not {c for c in body(message, kind).replace("\r\n", "\n") if ord(c) < 32} - {"\n"}


def test_a_long_message_id_is_repeated_whole(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    long_id = "<" + "A1" * 90 + "@eurprd01.prod.exchangelabs.com>"
    raw = receipt(head, replace(sent, message_id=long_id), faxbox, account)
    assert f"In-Reply-To: {long_id}\r\n".encode() in raw
    assert f"References: {long_id}\r\n".encode() in raw


def test_without_an_original_mail_nothing_is_answered(
    head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account
) -> None:
    message = read(receipt(head, replace(sent, message_id="", subject=""), faxbox, account))
    assert message["Subject"] == "Faxed to +1 202-555-0190"
    assert "In-Reply-To" not in message
    assert message["Auto-Submitted"] == "auto-generated"


def test_an_internationalised_recipient(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    raw = receipt(replace(head, recipient="jörg@bücher.example"), sent, faxbox, account)
    assert "To: jörg@bücher.example\r\n".encode() in raw
    assert receipt(head, sent, faxbox, account).isascii()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "@example.com",
        "a@",
        "a@b@",
        "a b@example.com",
        "a,b@example.com",
        "a\r\nX: y@example.com",
        '"@x',
        "ü@",
        "ü\nX: y@x",
    ],
)
def test_what_is_no_address_gets_no_letter(
    address: str, head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account
) -> None:
    with pytest.raises(ValueError):
        receipt(replace(head, recipient=address), sent, faxbox, account)


@pytest.mark.parametrize(
    ("box_zone", "account_zone", "time"),
    [
        ("", "America/New_York", "23 November 2026, 08:05:09 EST"),
        ("Mars/Olympus", "America/New_York", "23 November 2026, 08:05:09 EST"),
        ("../../etc/passwd", "", "23 November 2026, 13:05:09 UTC"),
        ("America/Sao_Paulo", "", "23 November 2026, 10:05:09 UTC-03"),
    ],
)
def test_times_are_the_faxboxs(
    head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, box_zone: str, account_zone: str, time: str
) -> None:
    box, owner = replace(faxbox, timezone=box_zone), replace(account, timezone=account_zone)
    assert time in plain(read(receipt(head, sent, box, owner)))


def test_a_fax_whose_faxbox_is_gone(head: Letterhead, sent: Fax, account: Account) -> None:
    message = read(receipt(head, sent, None, account))
    assert message["From"] == "Fax <faxgate@fax.example.com>"
    assert "08:05:09 EST" in plain(message)


def test_a_fax_that_takes_long(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = replace(
        sent, status=Status.PENDING, result=BUSY, ended_at=None, due_at=head.date + timedelta(minutes=3), attempts=2
    )
    message = read(still_trying(head, fax, faxbox, account))
    assert message["Subject"] == "Still trying to fax to +1 202-555-0190: Contract, signed"
    assert message["In-Reply-To"] == "<mail-1@mail.example.com>"
    for text in (plain(message), page(message).text):
        for fact in ("The line was busy.", "still being tried", "23 November 2026, 14:08:09 CET", "contract.pdf"):
            assert fact in text


WAITING: dict[str, dict[str, Any]] = {
    "under way now": {"status": Status.PROCESSING},
    "when its document is ready": {"status": Status.ATTACHING_FILES, "attempts": 0, "result": None},
    "as soon as a line is free": {"status": Status.PENDING, "attempts": 0, "result": None},
}


@pytest.mark.parametrize("words", WAITING)
def test_what_a_fax_waits_for(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, words: str) -> None:
    fax = replace(sent, ended_at=None, due_at=head.date, **WAITING[words])
    message = read(still_trying(head, fax, faxbox, account))
    assert words in plain(message)
    assert words in page(message).text
