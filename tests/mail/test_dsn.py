"""Delivery status notifications, read as a mail program reads them."""

import email
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import dsn
from gateway.accounts import Account, Faxbox
from gateway.fax import Attempt, CallResult, Direction, DsnRequest, Fax, Status
from gateway.letters import Letterhead
from tests.mail.conftest import NOW

BUSY = CallResult(success=False, answered=False, cause=17, hangup_cause="USER_BUSY", ended_at=NOW)
ASKED = DsnRequest(
    notify=("SUCCESS", "FAILURE"),
    ret="FULL",
    envid="QQ+2B3+20+2014159",
    orcpt="rfc822;Bob+2BFax@example.com",
    recipient="(202)5550190@fax.example.com",
)


def called(fax: Fax, outcome: str = "failed") -> list[Attempt]:
    return [
        Attempt(
            id="c1",
            fax_id=fax.id,
            account_id="a1",
            faxbox_id="b1",
            direction=Direction.OUTBOUND,
            number=1,
            line="loopback",
            from_number="",
            to_number=fax.destination,
            started_at=NOW + timedelta(minutes=1),
            result=fax.result,
            outcome=outcome,
        )
    ]


def read(raw: bytes) -> tuple[EmailMessage, str, Message, Message, Message]:
    """The message, its text, the fields of message and recipient, the headers that are returned."""
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    assert message.get_content_type() == "multipart/report"
    assert message["Content-Type"].params["report-type"] == "delivery-status"
    text, status, original = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    assert original.get_content_type() == "text/rfc822-headers"
    of_message, of_recipient = (part for part in status.walk() if part is not status)
    returned = email.message_from_string(str(original.get_payload()), policy=policy.default)
    return message, text.get_content(), of_message, of_recipient, returned


def failed(fax: Fax, result: CallResult | None, **changes: object) -> Fax:
    given_ = {"status": Status.FAILED, "result": result, "dsn": ASKED, "error": "It failed."} | changes
    return replace(fax, **given_)  # type: ignore[arg-type]


def test_a_delivered_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = replace(sent, dsn=ASKED)
    raw = dsn.report(head, fax, faxbox, account, called(fax, "completed"), dsn.DELIVERED)
    message, text, of_message, of_recipient, returned = read(raw)
    assert message["From"] == "Fax service <faxgate@fax.example.com>"
    assert message["To"] == "alice@example.com"
    assert message["Subject"] == "Delivered: your fax to +1 202-555-0190"
    assert message["In-Reply-To"] == message["References"] == "<mail-1@mail.example.com>"
    assert message["Message-ID"] == f"<{head.notice_id}@fax.example.com>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert "confirmed all 3 pages" in text
    assert "logo.png: a small picture" in text
    assert dict(of_message.items()) == {
        "Original-Envelope-Id": "QQ+3  14159",
        "Reporting-MTA": "dns; fax.example.com",
        "Arrival-Date": "Mon, 23 Nov 2026 13:05:09 +0000",
        "X-Faxgate-Fax": fax.id,
    }
    assert dict(of_recipient.items()) == {
        "Original-Recipient": "rfc822; Bob+Fax@example.com",
        "Final-Recipient": "rfc822; +12025550190@fax.example.com",
        "Action": "delivered",
        "Status": "2.0.0",
        "Last-Attempt-Date": "Mon, 23 Nov 2026 13:06:09 +0000",
        "X-Faxgate-Number": "+12025550190",
        "X-Faxgate-Station": "+1 202 555 0190",
    }
    assert (returned["Message-ID"], returned["Subject"]) == ("<mail-1@mail.example.com>", "Contract, signed")


def test_a_failed_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = failed(sent, BUSY)
    _, text, _, of_recipient, _ = read(dsn.report(head, fax, faxbox, account, called(fax), dsn.FAILED))
    assert "NOT delivered" in text
    assert "The line was busy." in text
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "4.4.1")
    assert of_recipient["Diagnostic-Code"] == "x-q850; 17 USER_BUSY"
    assert of_recipient["Will-Retry-Until"] is None


def test_a_fax_without_answers_to_anything(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    """No ORCPT, no ENVID: neither is made up (RFC 3464 2.2.1, 2.3.1)."""
    fax = failed(sent, BUSY, dsn=DsnRequest(notify=("FAILURE",), recipient="1@x"), message_id="", subject="")
    message, _, of_message, of_recipient, returned = read(dsn.report(head, fax, faxbox, account, [], dsn.FAILED))
    assert of_message["Original-Envelope-Id"] is None
    assert of_recipient["Original-Recipient"] is None
    assert of_recipient["Last-Attempt-Date"] is None
    assert message["In-Reply-To"] is None
    assert returned.items() == []


def test_a_cancelled_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = failed(sent, None, status=Status.CANCELLED, attempts=0)
    _, text, _, of_recipient, _ = read(dsn.report(head, fax, faxbox, account, [], dsn.FAILED))
    assert "No page of it got through" in text
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "5.0.0")


def test_an_unknown_outcome(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = failed(sent, None, error="The outcome is unknown: the fax may have arrived.")
    raw = dsn.report(head, fax, faxbox, account, called(fax, "unknown"), dsn.FAILED)
    _, text, _, of_recipient, _ = read(raw)
    assert "may have arrived" in text
    assert of_recipient["Status"] == "5.4.2"


def test_a_document_that_was_refused(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = failed(sent, None, error="contract.pdf is damaged.", attempts=0)
    _, text, _, of_recipient, _ = read(dsn.report(head, fax, faxbox, account, [], dsn.FAILED))
    assert "contract.pdf is damaged." in text
    assert (of_recipient["Status"], of_recipient["Diagnostic-Code"]) == ("5.6.0", None)


def test_a_delayed_fax(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    rejected = CallResult(success=False, answered=False, cause=21, hangup_cause="CALL_REJECTED")
    fax = failed(
        sent, rejected, status=Status.PENDING, due_at=NOW + timedelta(hours=1), first_dialled_at=NOW, ended_at=None
    )
    _, text, _, of_recipient, _ = read(dsn.report(head, fax, faxbox, account, called(fax), dsn.DELAYED))
    assert "has not got through yet" in text
    assert "The call was rejected." in text
    assert "23 November 2026, 15:05:09 CET" in text
    # What is tried again has not failed for good, whatever the cause.
    assert (of_recipient["Action"], of_recipient["Status"]) == ("delayed", "4.7.1")
    assert of_recipient["Will-Retry-Until"] == "Tue, 24 Nov 2026 13:05:09 +0000"


def test_a_fax_that_waits_uncalled(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account) -> None:
    fax = failed(sent, None, status=Status.PENDING, due_at=NOW, attempts=0, ended_at=None, error="")
    _, text, _, of_recipient, _ = read(dsn.report(head, fax, faxbox, account, [], dsn.DELAYED))
    assert "has not been called yet" in text
    assert (of_recipient["Status"], of_recipient["Will-Retry-Until"]) == ("4.0.0", None)


def answered(code: int | None) -> CallResult:
    return CallResult(success=False, answered=True, result_code=code)


CODES = {
    "4.4.1": [replace(BUSY, cause=cause) for cause in (17, 18, 19, 20, 102)],
    "5.1.1": [replace(BUSY, cause=cause) for cause in (1, 2, 3, 22)],
    "5.1.3": [replace(BUSY, cause=28)],
    "5.7.1": [*(replace(BUSY, cause=cause) for cause in (21, 29, 57)), answered(50), answered(56)],
    "4.4.5": [replace(BUSY, cause=cause) for cause in (34, 42, 44)],
    "4.4.0": [replace(BUSY, cause=cause) for cause in (None, 27, 38, 41, 127, 900)],
    "5.6.3": [replace(BUSY, cause=cause) for cause in (58, 65, 88)],
    "4.3.0": [replace(BUSY, cause=None, hangup_cause="GATEWAY_DOWN"), answered(47)],
    "5.5.0": [answered(2), answered(19)],
    "4.3.2": [answered(4), answered(22)],
    "5.6.1": [answered(8), answered(12)],
    "5.3.0": [answered(41), answered(46)],
    "4.4.2": [answered(code) for code in (None, 0, 5, 15, 35, 48, 49, 99)],
}


@pytest.mark.parametrize(("result", "code"), [(result, code) for code, results in CODES.items() for result in results])
def test_the_status_of_every_cause(result: CallResult, code: str) -> None:
    assert dsn.of_result(result) == code


@pytest.mark.parametrize("code", [*range(-1, 70), None])
def test_every_t30_code_has_a_status(code: int | None) -> None:
    assert dsn.of_result(answered(code))[:2] in {"4.", "5."}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(foreign=st.text(max_size=1200), action=st.sampled_from([dsn.DELIVERED, dsn.FAILED, dsn.DELAYED]))
def test_what_others_wrote_makes_no_field(
    head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, foreign: str, action: str
) -> None:
    result = replace(BUSY, hangup_cause=foreign, remote_station_id=foreign, result_text=foreign)
    fax = failed(
        sent,
        result,
        subject=foreign,
        message_id=foreign,
        error=foreign,
        dsn=replace(ASKED, recipient=f"{foreign}@x"),
        left_out=[replace(sent.left_out[0], name=foreign, reason=foreign)],
    )
    message, _, of_message, of_recipient, returned = read(dsn.report(head, fax, faxbox, account, called(fax), action))
    assert set(of_message.keys()) == {"Original-Envelope-Id", "Reporting-MTA", "Arrival-Date", "X-Faxgate-Fax"}
    assert len(of_recipient.keys()) == len(set(of_recipient.keys()))
    assert {*of_recipient.keys()} <= {
        *("Original-Recipient", "Final-Recipient", "Action", "Status", "Diagnostic-Code", "Last-Attempt-Date"),
        *("Will-Retry-Until", "X-Faxgate-Number", "X-Faxgate-Station"),
    }
    assert set(returned.keys()) <= {"Message-ID", "Subject"}
    assert message["To"] == "alice@example.com"


@pytest.mark.parametrize("recipient", ["", "alice", "a b@example.com", "a@b>\r\nBcc: x@example.com"])
def test_no_mail_address(head: Letterhead, sent: Fax, faxbox: Faxbox, account: Account, recipient: str) -> None:
    with pytest.raises(ValueError, match="not a mail address"):
        dsn.report(replace(head, recipient=recipient), sent, faxbox, account, [], dsn.DELIVERED)
