"""Mail for postmaster@, passed on."""

import email
from dataclasses import replace
from datetime import UTC, datetime
from email import policy

import pytest

from gateway.errors import MailLoop, TooLarge
from gateway.hops import MOST_HOPS
from gateway.operator_mail import Passage, refuse_loop, to_operator

MAIL = (
    b"From: Bob <bob@example.org>\r\nTo: postmaster@fax.example.com\r\nSubject: h\xe9lp\r\n\r\nbytes \xff\x00 kept\r\n"
)
PASSAGE = Passage(
    notice_id="0192f0c3",
    recipient="postmaster@fax.example.com",
    sender="bob@example.org",
    peer="192.0.2.7:5000",
    helo="mx.example.org",
    hostname="gw.example.com",
    date=datetime(2026, 11, 23, tzinfo=UTC),
)


def test_the_message_is_passed_on_unchanged() -> None:
    raw = to_operator(MAIL, PASSAGE)
    assert raw.endswith(MAIL)
    message = email.message_from_bytes(raw, policy=policy.default)
    assert "from mx.example.org ([192.0.2.7])" in message["Received"]
    assert "for <postmaster@fax.example.com>" in message["Received"]
    assert message["X-Envelope-From"] == "<bob@example.org>"
    assert message["X-Original-To"] == "postmaster@fax.example.com"
    assert message["From"] == "Bob <bob@example.org>"


def test_it_is_not_passed_on_twice() -> None:
    with pytest.raises(MailLoop) as refused:
        to_operator(to_operator(MAIL, PASSAGE), PASSAGE)
    assert refused.value.smtp == "554 5.4.6"


def test_reports_of_machines_are_passed_on_too() -> None:
    refuse_loop(b"Auto-Submitted: auto-replied\r\n" + MAIL)


def test_nobody_fills_the_outbox_through_postmaster() -> None:
    with pytest.raises(TooLarge):
        to_operator(MAIL + b"x" * (1 << 20), PASSAGE)


def test_too_many_hands() -> None:
    refuse_loop(b"Received: from a by b; date\r\n" * MOST_HOPS + MAIL)
    with pytest.raises(MailLoop):
        refuse_loop(b"Received: from a by b; date\r\n" * (MOST_HOPS + 1) + MAIL)


def test_headers_end_where_the_body_begins() -> None:
    refuse_loop(b"Subject: x\r\n\r\nAuto-Submitted: auto-replied\r\n")
    refuse_loop(b"Subject: x\n\nX-Faxgate-Operator: quoted\n")
    refuse_loop(b"no headers at all")
    refuse_loop(b"")


def test_a_hostile_client_writes_no_headers() -> None:
    evil = "x\r\nBcc: victim@example.com\r\n\r\n"
    raw = to_operator(MAIL, replace(PASSAGE, helo=evil, peer=evil, recipient=evil, sender=evil))
    message = email.message_from_bytes(raw, policy=policy.default)
    assert "Bcc" not in message
    assert message["Subject"] is not None


def test_the_null_sender() -> None:
    message = email.message_from_bytes(to_operator(MAIL, replace(PASSAGE, sender="")), policy=policy.default)
    assert message["X-Envelope-From"] == "<>"
