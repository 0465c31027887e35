"""Clients that people use, the real sandbox, and documents that are hostile."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path

import aiosmtplib
import pytest

from gateway.sandbox import Sandbox
from smtp.message import Message, Options, read
from smtp.policy import Limits
from tests.smtp.conftest import Door, running
from tests.smtp.mails import octets, pdf, with_pdf, written
from tests.warm import WarmServers

NUMBER = "+15551234567@fax.example.com"


@pytest.fixture
async def sandbox(warm: WarmServers) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(quick=1, preload=("gateway.documents.inspect", "smtp.message"), boot=warm.boot)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


@pytest.fixture
async def sandboxed(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Door]:
    async def parse(content: bytes | Path, options: Options) -> Message:
        return await sandbox.quick(read, content, options)

    async with running(tmp_path / "spool", Limits(memory=100_000), parse=parse) as door:
        yield door


async def test_smtplib(sandboxed: Door) -> None:
    def send() -> None:
        with smtplib.SMTP("127.0.0.1", sandboxed.server.port, timeout=20) as client:
            assert client.verify("alice")[0] == 252
            client.send_message(with_pdf(2), "alice@example.com", [NUMBER])
            with pytest.raises(smtplib.SMTPRecipientsRefused, match=r"5\.1\.3"):
                client.sendmail("alice@example.com", ["bob@fax.example.com"], b"")
            with pytest.raises(smtplib.SMTPDataError, match=r"5\.6\.1"):
                client.send_message(written(), "alice@example.com", [NUMBER])
            with pytest.raises(smtplib.SMTPSenderRefused, match=r"5\.3\.4"):
                client.sendmail("alice@example.com", [NUMBER], b"x" * 36_700_161)

    await asyncio.to_thread(send)
    await sandboxed.until_all_left()
    (submission,) = sandboxed.submissions.submitted
    assert submission.documents[0].content == pdf(2)
    assert [entry.reply[:9] for entry in sandboxed.submissions.recorded] == ["550 5.1.3", "554 5.6.1", "552 5.3.4"]


async def test_aiosmtplib_with_utf8_and_a_large_mail(sandboxed: Door) -> None:
    message = with_pdf(name="Verträge.pdf", filler=b"\r\n.x" * 100_000)
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=sandboxed.server.port) as client:
        await client.sendmail(
            "alice@example.com", [NUMBER], octets(message), mail_options=["SMTPUTF8", "BODY=8BITMIME"]
        )
    (submission,) = sandboxed.submissions.submitted
    assert submission.documents[0].name == "Verträge.pdf"
    assert sandboxed.submissions.spooled == [pdf(filler=b"\r\n.x" * 100_000)]


async def test_a_document_that_takes_too_long_is_left_to_the_rendering(tmp_path: Path, sandbox: Sandbox) -> None:
    async def parse(content: bytes | Path, options: Options) -> Message:
        return await sandbox.quick(slow_read, content, options, wall=0.3)

    async def parse_slowly(content: bytes | Path, options: Options) -> Message:
        return await sandbox.run(slow_read, content, options)

    async with running(tmp_path, Limits(), parse=parse, parse_slowly=parse_slowly) as door:
        client = await door.greeted()
        # Had the wall not ended it the limit of processor time had, and refused the mail.
        assert (await client.send(octets(with_pdf()))).startswith("250")
        (entry,) = door.submissions.entries
        assert entry.attachments[0].pages is None
        assert entry.errors == ["The documents could not be looked into during the session."]


def slow_read(content: bytes | Path, options: Options) -> Message:
    """Stands for a document that keeps its reader busy."""
    while options.inspect:
        pass
    return read(content, options)


async def test_fifty_sessions_at_once(sandboxed: Door) -> None:
    async def session(number: int) -> None:
        client = await sandboxed.greeted()
        for mail in range(3):
            document = with_pdf(name=f"{number}-{mail}.pdf", filler=b"%d" % number * 20_000)
            assert (await client.send(octets(document))).startswith("250")

    await asyncio.gather(*[session(number) for number in range(50)])
    names = {submission.documents[0].name for submission in sandboxed.submissions.submitted}
    assert len(names) == 150
