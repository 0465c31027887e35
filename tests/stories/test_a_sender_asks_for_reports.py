"""A mail server asks in the envelope what it wants to be told (RFC 3461), and is told that and nothing else."""

import asyncio
import email
import smtplib
from email.message import EmailMessage, Message
from email.policy import SMTP, default

import aiosmtplib
import pytest

from gateway.audit import OPERATOR
from gateway.fax import Status
from gateway.outbound.cancel import cancel
from gateway.store import notices
from gateway.store.notices import Notice
from tests.stories.conftest import BUSY, FAX_MACHINE, House

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing here depends on the database: the tests of the store run on both."""

ALICE = "alice@example.com"
TO = f"{FAX_MACHINE}@fax.example.com"


async def ask(house: House, mail: EmailMessage, *options: str, to: str = TO) -> None:
    """Mail with smtplib, with parameters of RCPT."""

    def with_client() -> None:
        host, _, port = house.app.addresses.smtp.rpartition(":")
        with smtplib.SMTP(host, int(port), timeout=60) as client:
            client.sendmail(ALICE, [to], mail.as_bytes(policy=SMTP), ["RET=FULL", "ENVID=QQ+2B1"], [*options])

    await asyncio.to_thread(with_client)


async def told(house: House, expected: int) -> list[Notice]:
    """Everything that was told of the one fax, once it has left."""

    async def all_sent() -> list[Notice] | None:
        [fax] = await house.faxes()
        async with house.app.store.read() as connection:
            found = await notices.of_fax(connection, fax.id)
        return found if [notice.state for notice in found] == ["sent"] * expected else None

    return await house.until(all_sent, f"{expected} notices")


def status(mail: EmailMessage) -> tuple[Message, Message]:
    """The fields of the message and of its recipient, of a report."""
    assert mail.get_content_type() == "multipart/report"
    [part] = [part for part in mail.walk() if part.get_content_type() == "message/delivery-status"]
    of_message, of_recipient = (one for one in part.walk() if one is not part)
    return of_message, of_recipient


async def test_success_is_reported_and_no_receipt_is_sent(house: House, letter: EmailMessage) -> None:
    letter.replace_header("Subject", "Protokoll für März")
    await ask(house, letter, "NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{TO.replace('+', '+2B')}")
    await house.fax(Status.COMPLETED)
    [notice] = await told(house, 1)
    assert (notice.kind, notice.recipient) == ("dsn_delivered", ALICE)
    [mail] = house.mails()
    of_message, of_recipient = status(mail)
    assert mail["Return-Path"] == "<>"
    assert mail["In-Reply-To"] == "<minutes@example.com>"
    assert of_message["Original-Envelope-Id"] == "QQ+1"
    assert of_message["Reporting-MTA"] == "dns; fax.example.com"
    assert of_recipient["Original-Recipient"] == f"rfc822; {TO}"
    assert of_recipient["Final-Recipient"] == f"rfc822; {TO}"
    assert (of_recipient["Action"], of_recipient["Status"]) == ("delivered", "2.0.0")
    assert of_recipient["X-Faxgate-Number"] == FAX_MACHINE
    assert of_recipient["X-Faxgate-Station"]
    assert of_recipient["Last-Attempt-Date"]
    text, _, headers = mail.iter_parts()
    assert "was delivered" in text.get_content()
    returned = email.message_from_string(str(headers.get_payload()), policy=default)
    assert (returned["Subject"], returned["Message-ID"]) == ("Protokoll für März", "<minutes@example.com>")


async def test_failure_is_reported(house: House, letter: EmailMessage) -> None:
    house.line.script = ["+12025550194"]  # not in service
    await ask(house, letter, "NOTIFY=FAILURE")
    await house.fax(Status.FAILED)
    [notice] = await told(house, 1)
    assert notice.kind == "dsn_failed"
    _, of_recipient = status(house.mails()[0])
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "5.1.1")
    assert of_recipient["Diagnostic-Code"] == "x-q850; 1 UNALLOCATED_NUMBER"


async def test_never_is_never_also_when_it_fails(house: House, letter: EmailMessage) -> None:
    house.line.script = ["+12025550194"]
    await ask(house, letter, "NOTIFY=NEVER")
    await house.fax(Status.FAILED)
    assert await told(house, 0) == []


async def test_without_notify_all_is_as_ever(house: House, letter: EmailMessage) -> None:
    """Postfix sends ORCPT always."""
    await ask(house, letter, f"ORCPT=rfc822;{TO.replace('+', '+2B')}")
    await house.fax(Status.COMPLETED)
    [notice] = await told(house, 1)
    assert (notice.kind, notice.recipient) == ("receipt", ALICE)
    assert house.mails()[0]["Return-Path"] == "<faxgate@fax.example.com>"


async def test_every_fax_of_a_mail_reports_its_own(house: House, letter: EmailMessage) -> None:
    host, _, port = house.app.addresses.smtp.rpartition(":")
    async with aiosmtplib.SMTP(hostname=host, port=int(port)) as client:
        await client.mail(ALICE, options=["ENVID=both"])
        await client.rcpt(TO, options=["NOTIFY=SUCCESS,FAILURE"])
        await client.rcpt("FAX=+12025550194@fax.example.com", options=["NOTIFY=SUCCESS,FAILURE"])
        await client.data(letter.as_bytes(policy=SMTP))

    async def both() -> list[EmailMessage] | None:
        return mails if len(mails := house.mails()) == 2 else None

    reports = [status(mail) for mail in await house.until(both, "two reports")]
    assert {of_message["Original-Envelope-Id"] for of_message, _ in reports} == {"both"}
    assert {(of_recipient["Final-Recipient"], of_recipient["Action"]) for _, of_recipient in reports} == {
        (f"rfc822; {TO}", "delivered"),
        ("rfc822; +12025550194@fax.example.com", "failed"),
    }


async def test_a_fax_cancelled_in_the_queue_is_reported(house: House, letter: EmailMessage) -> None:
    house.line.script = [BUSY]
    await ask(house, letter, "NOTIFY=FAILURE")

    async def waiting() -> str | None:
        return next((fax.id for fax in await house.faxes() if fax.attempts and fax.status is Status.PENDING), None)

    fax_id = await house.until(waiting, "the fax waiting for its next call")
    await cancel(house.app.store, house.app.wake, house.clock, house.account.id, fax_id, OPERATOR)
    [notice] = await told(house, 1)
    assert notice.kind == "dsn_failed"
    [mail] = house.mails()
    assert status(mail)[1]["Status"] == "5.0.0"
    assert "was cancelled" in next(part for part in mail.iter_parts()).get_content()
