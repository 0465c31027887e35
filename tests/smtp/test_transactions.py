"""What a transaction hands in, and the one smtplog entry that each leaves."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import DocumentRefused
from gateway.smtplog import RecipientLog, SmtplogEntry, in_a_line
from smtp import replies
from smtp.message import Message, Options
from smtp.policy import Limits
from tests.smtp.conftest import Client, Door, running
from tests.smtp.mails import octets, pdf, png, with_pdf, written

NUMBER = "+15551234567@fax.example.com"


async def test_an_accepted_mail(client: Client, door: Door) -> None:
    mail = octets(with_pdf(2))
    reply = await client.send(mail, '"(555) 123 4567"@fax.example.com')
    (submission,) = door.submissions.submitted
    entry = submission.entry
    assert entry
    assert reply == entry.reply == f"250 2.0.0 Accepted as {entry.id}"
    assert (entry.accepted, entry.account_id, entry.faxbox_id) == (True, "acme", "acme-box")
    assert (entry.sender, entry.helo, entry.authentication) == (
        "alice@example.com",
        "client.example",
        "trusted network",
    )
    assert entry.peer.startswith("127.0.0.1:")
    assert (entry.subject, entry.message_id, entry.size) == ("Contract", "<1@example.com>", len(mail))
    (line,) = entry.recipients
    assert (line.address, line.number) == ('"(555) 123 4567"@fax.example.com', "(555) 123 4567")
    assert (line.destination, line.faxbox_id, line.reply) == ("+15551234567", "acme-box", replies.RECIPIENT_OK)
    (attachment,) = entry.attachments
    assert (attachment.name, attachment.content_type, attachment.outcome) == (
        "contract.pdf",
        "application/pdf",
        "faxed",
    )
    assert (attachment.bytes, attachment.pages) == (len(pdf(2)), 2)
    (document,) = submission.documents
    assert (document.name, document.content) == ("contract.pdf", pdf(2))
    assert submission.operator_mail is None
    assert "<1@example.com>" in submission.repeat_of
    assert not entry.errors


async def test_the_log_tells_what_became_of_each(client: Client, door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smtp")
    await client.send(octets(with_pdf()), NUMBER)
    await client.send(octets(written()), NUMBER)
    accepted, refused = (entry.id for entry in door.submissions.entries)
    told = [record.getMessage() for record in caplog.records if record.name == "smtp.transaction"]
    asked = f"from alice@example.com at 127.0.0.1 to {NUMBER}"
    assert told == [
        f"smtp {accepted} {asked}: 250 2.0.0, sender: trusted network, faxes fax-+15551234567",
        f"smtp {refused} {asked}: 554 5.6.1, sender: trusted network",
    ]


def test_a_line_of_the_log_stays_one() -> None:
    many = [RecipientLog(address=f"+1202555019{last}@fax.example.com") for last in range(5)]
    entry = SmtplogEntry(id="1", received_at=datetime.now(UTC), peer="[::1]:25", sender="a\u2028b@c.example")
    entry.recipients, entry.reply, entry.fax_ids = many, "250 2.0.0 Accepted as 1", ["f", "g", "h", "i"]
    assert in_a_line(entry) == (
        r"1 from a\u2028b@c.example at ::1 to +12025550190@fax.example.com, +12025550191@fax.example.com, "
        "+12025550192@fax.example.com and 2 more: 250 2.0.0, faxes f, g, h and 1 more"
    )


async def test_two_recipients_are_two_faxes_and_the_same_twice_is_one(client: Client, door: Door) -> None:
    await client.send(
        octets(with_pdf()), NUMBER, "15551234567@fax.example.com", "+15557654321@fax.example.com", NUMBER.upper()
    )
    (submission,) = door.submissions.submitted
    assert [route.destination for route in submission.routes] == ["+15551234567", "+15557654321"]
    assert submission.entry
    assert len(submission.entry.recipients) == 4


async def test_the_same_number_through_two_boxes_is_two_faxes(client: Client, door: Door) -> None:
    await client.send(octets(with_pdf()), NUMBER, "+15551234567@text.example.com")
    assert [route.faxbox.id for route in door.submissions.submitted[0].routes] == ["acme-box", "text-box"]


async def test_mail_for_the_operator_is_handed_over_whole_with_its_trace(client: Client, door: Door) -> None:
    mail = octets(written())
    assert (await client.send(mail, "postmaster@fax.example.com")).startswith("250")
    (submission,) = door.submissions.submitted
    assert not submission.routes
    assert not submission.documents
    assert submission.operator_mail
    assert submission.operator_mail.startswith(
        b"Received: from client.example ([127.0.0.1])\r\n\tby mx.example.com with ESMTP id "
    )
    assert submission.operator_mail.endswith(b"\r\n" + mail)
    assert submission.entry
    assert submission.entry.account_id == "acme"
    assert submission.entry.subject == "Contract"


async def test_mail_for_a_number_and_the_operator(tmp_path: Path) -> None:
    async with running(tmp_path / "spool", Limits(memory=1000)) as door:
        client = await door.greeted()
        mail = octets(with_pdf(filler=b"z" * 5000))
        assert (await client.send(mail, NUMBER, "postmaster@fax.example.com")).startswith("250")
        (submission,) = door.submissions.submitted
        assert submission.operator_mail
        assert submission.operator_mail.endswith(mail)
        assert len(submission.routes) == len(submission.documents) == 1


async def test_a_refused_document_refuses_the_mail_to_both(client: Client, door: Door) -> None:
    mail = octets(with_pdf()).replace(b"contract.pdf", b"contract.pdf").replace(b"JVBERi0", b"AAAAAA0")
    reply = await client.send(mail, NUMBER, "postmaster@fax.example.com")
    assert reply.startswith("554 5.6.1 ")
    assert "contract.pdf" in reply
    (entry,) = door.submissions.recorded
    assert not entry.accepted
    assert [(line.name, line.outcome) for line in entry.attachments] == [("contract.pdf", "refused")]
    assert entry.attachments[0].reason


async def test_the_null_sender_reaches_the_operator_only(client: Client, door: Door) -> None:
    assert (await client.ask("MAIL FROM:<>")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{NUMBER}>")).startswith("550 5.7.1")
    assert (await client.ask("RCPT TO:<+15551234567@open.example.com>")).startswith("550 5.7.1")  # permits all
    assert (await client.ask("RCPT TO:<postmaster@fax.example.com>")).startswith("250")
    assert (await client.ask("DATA")).startswith("354")
    assert (await client.ask(octets(written()) + b".")).startswith("250")
    assert door.submissions.submitted[0].operator_mail


async def test_strangers_are_told_why_and_learn_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(), trusted="192.0.2.0/24") as door:
        client = await door.greeted()
        heard = set()
        for sender in ("alice@example.com", "nobody@example.org"):
            await client.envelope(NUMBER, sender=sender)
            assert (await client.ask("DATA")).startswith("354")
            heard.add(await client.ask(octets(with_pdf()) + b"."))
        (reply,) = heard
        assert reply.startswith("550 5.7.1 This sender may not send faxes here, or cannot be proven")
        assert door.submissions.recorded[0].authentication == "none: SPF of example.com: none; no DKIM signature"
        assert not door.submissions.submitted
        assert (await client.send(octets(written()), "postmaster@fax.example.com")).startswith("250")


MAIL = "MAIL FROM:<alice@example.com>"
REFUSALS = [
    ("sender refused", ["MAIL FROM:<a@exam_ple.com>"], "553 5.1.7", 1),
    ("sender malformed", ["MAIL FROM:<a..b@example.com>"], "501 5.1.7", 1),
    ("too large as announced", ["MAIL FROM:<alice@example.com> SIZE=99999999999"], "552 5.3.4", 1),
    ("all recipients refused", [MAIL, "RCPT TO:<bob@fax.example.com>", "RSET"], "550 5.1.3", 1),
    ("recipient malformed", [MAIL, "RCPT TO:<(5)1@fax.example.com>", "QUIT"], "501 5.1.3", 1),
    ("given up with RSET", [MAIL, "RSET"], "250 2.1.0", 1),
    ("given up with QUIT", [MAIL, "QUIT"], "250 2.1.0", 1),
    ("given up with EHLO", [MAIL, "EHLO again"], "250 2.1.0", 1),
    ("two", [MAIL, "RSET", MAIL, "RSET", "RSET"], "250 2.1.0", 2),
    ("disconnected", [MAIL, f"RCPT TO:<{NUMBER}>"], "250 2.1.5", 1),
    ("data too early", [MAIL, "DATA", "QUIT"], "503 5.5.1", 1),
    ("nothing begun", ["NOOP", "RSET", "MAIL", "VRFY x", "DATA", "QUIT"], "501 5.5.4", 1),
]  # fmt: skip


@pytest.mark.parametrize(("said", "reply", "count"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
async def test_every_transaction_leaves_one_entry(
    client: Client, door: Door, said: list[str], reply: str, count: int
) -> None:
    for line in said:
        assert await client.ask(line)
    client.close()
    await door.until_all_left()
    assert [entry.reply[:9] for entry in door.submissions.recorded] == [reply] * count
    assert not door.submissions.submitted
    assert not any(entry.accepted for entry in door.submissions.recorded)


async def test_trouble_of_ours_at_the_commit_is_451_and_logged(client: Client, door: Door) -> None:
    door.submissions.broken = True
    assert (await client.send(octets(with_pdf()))).startswith("451 4.3.0")
    (entry,) = door.submissions.recorded
    assert not entry.accepted
    assert entry.errors == ["disk full"]
    assert [line.outcome for line in entry.attachments] == ["left out"]
    door.submissions.broken = False
    assert (await client.send(octets(with_pdf()))).startswith("250")


async def test_a_bug_of_ours_is_451_and_not_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def parse(content: bytes | Path, options: Options) -> Message:
        raise RuntimeError("a bug")

    async with running(tmp_path, Limits(), parse=parse) as door:
        client = await door.greeted()
        assert await client.send(octets(with_pdf())) == replies.LOCAL_TROUBLE
        assert "RuntimeError('a bug')" in door.submissions.recorded[0].errors
        assert (await client.ask("NOOP")).startswith("250")
    assert "a bug" in caplog.text


async def test_a_mail_that_takes_long_is_read_again_without_a_look_into_its_documents(tmp_path: Path) -> None:
    async def parse(content: bytes | Path, options: Options) -> Message:
        raise TimeoutError

    async with running(tmp_path, Limits(), parse=parse) as door:
        client = await door.greeted()
        assert (await client.send(octets(with_pdf()))).startswith("250")
        (entry,) = door.submissions.entries
        assert entry.attachments[0].pages is None


async def test_a_refusal_of_the_sandbox_is_the_reply(tmp_path: Path) -> None:
    async def parse(content: bytes | Path, options: Options) -> Message:
        raise DocumentRefused("The document could not be opened within the limits of time and memory.")

    async with running(tmp_path, Limits(), parse=parse) as door:
        client = await door.greeted()
        assert (await client.send(octets(with_pdf()))).startswith("554 5.6.1 The document could not be opened")


async def test_a_client_that_leaves_during_the_commit_still_has_its_fax(client: Client, door: Door) -> None:
    door.submissions.held = True
    await client.envelope()
    assert (await client.ask("DATA")).startswith("354")
    client.say(octets(with_pdf()) + b".\r\n")
    await door.submissions.begun.wait()
    client.writer.transport.abort()
    await asyncio.sleep(0.05)
    door.submissions.released.set()
    await door.until_all_left()
    assert len(door.submissions.submitted) == 1
    assert not door.submissions.recorded


async def test_the_body_is_the_page_where_the_box_allows_it(client: Client, door: Door) -> None:
    mail = octets(written("Dear Bob,\n\nsee you.\n"))
    assert (await client.send(mail, "+15551234567@text.example.com")).startswith("250")
    (document,) = door.submissions.submitted[0].documents
    assert (document.name, document.content_type) == ("message.txt", "text/plain")
    assert (await client.send(mail, NUMBER)).startswith("554 5.6.1")
    assert (await client.send(mail, NUMBER, "+15551234567@text.example.com")).startswith("554 5.6.1")


async def test_what_is_left_out_is_named(client: Client, door: Door) -> None:
    message = with_pdf()
    message.add_attachment(png(60, 20), maintype="image", subtype="png", disposition="inline", cid="<logo>")
    assert (await client.send(octets(message))).startswith("250")
    (submission,) = door.submissions.submitted
    (left_out,) = submission.left_out
    assert "logo" in left_out.reason
    assert submission.entry
    assert [line.outcome for line in submission.entry.attachments] == ["faxed", "left out"]


async def test_a_reply_in_utf8_only_where_it_was_asked_for(client: Client) -> None:
    mail = octets(with_pdf(name="Verträge.xyz")).replace(b"JVBERi0", b"AAAAAA0")
    assert 'document "Vertr?ge.xyz"' in await client.send(mail)
    assert (await client.ask("MAIL FROM:<alice@example.com> SMTPUTF8")).startswith("250")
    assert (await client.ask(f"RCPT TO:<{NUMBER}>")).startswith("250")
    assert (await client.ask("DATA")).startswith("354")
    assert 'document "Verträge.xyz"' in await client.ask(mail + b".")


class TestShutdown:
    async def test_the_idle_are_sent_away_and_nobody_comes_in(self, door: Door) -> None:
        client = await door.greeted()
        await client.envelope()
        port = door.server.port
        await door.server.stop(5)
        assert await client.hear() == replies.SHUTTING_DOWN
        assert await client.hear() == ""
        assert [entry.reply for entry in door.submissions.recorded] == [replies.SHUTTING_DOWN]
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_a_mail_on_its_way_comes_in(self, door: Door) -> None:
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        mail = octets(with_pdf())
        client.say(mail[:100])
        stopping = asyncio.create_task(door.server.stop(5))
        await asyncio.sleep(0.05)
        client.say(mail[100:] + b".\r\nNOOP\r\n")
        assert (await client.hear()).startswith("250")
        assert await client.hear() == replies.SHUTTING_DOWN
        await stopping
        assert len(door.submissions.submitted) == 1

    async def test_it_does_not_wait_for_ever(self, door: Door) -> None:
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        await door.server.stop(0.1)
        (entry,) = door.submissions.recorded
        assert entry.errors == ["the service was stopped"]
