"""PIPELINING (RFC 2920): everything at once, nothing lost, nothing taken for something else."""

import pytest

from smtp import replies
from tests.smtp.conftest import Client, Door
from tests.smtp.mails import octets, with_pdf

ENVELOPE = b"MAIL FROM:<alice@example.com>\r\nRCPT TO:<+15551234567@fax.example.com>\r\n"


async def codes(client: Client, count: int) -> list[str]:
    return [(await client.hear())[:9] for _ in range(count)]


async def test_a_group_of_commands(client: Client, door: Door) -> None:
    client.say(ENVELOPE + b"RCPT TO:<bob@fax.example.com>\r\nDATA\r\n")
    assert await codes(client, 4) == ["250 2.1.0", "250 2.1.5", "550 5.1.3", "354 End d"]
    client.say(octets(with_pdf()) + b".\r\n")
    assert await codes(client, 1) == ["250 2.0.0"]
    assert [line.reply[:9] for line in door.submissions.entries[0].recipients] == ["250 2.1.5", "550 5.1.3"]


@pytest.mark.parametrize("behind", [b"QUIT\r\n", b"RSET\r\nQUIT\r\n", b"NOOP\r\nNOOP\r\nRSET\r\nQUIT\r\n"])
async def test_commands_behind_the_end_of_the_mail_in_the_same_packet(client: Client, behind: bytes) -> None:
    await client.envelope()
    assert (await client.ask("DATA")).startswith("354")
    client.say(octets(with_pdf()) + b".\r\n" + behind)
    heard = await codes(client, behind.count(b"\r\n") + 1)
    assert heard == ["250 2.0.0"] * (len(heard) - 1) + ["221 2.0.0"]
    assert await client.hear() == ""


async def test_the_next_mail_behind_the_end_of_the_first(client: Client, door: Door) -> None:
    await client.envelope()
    assert (await client.ask("DATA")).startswith("354")
    client.say(octets(with_pdf()) + b".\r\n" + ENVELOPE + b"DATA\r\n")
    assert await codes(client, 4) == ["250 2.0.0", "250 2.1.0", "250 2.1.5", "354 End d"]
    client.say(octets(with_pdf(2)) + b".\r\nQUIT\r\n")
    assert await codes(client, 2) == ["250 2.0.0", "221 2.0.0"]
    assert [submission.documents[0].name for submission in door.submissions.submitted] == ["contract.pdf"] * 2


async def test_a_whole_session_in_one_packet_from_a_client_that_hears_only_at_the_end(door: Door) -> None:
    client = await door.connect()
    mail = octets(with_pdf())
    client.say(b"EHLO x\r\n" + (ENVELOPE + b"DATA\r\n" + mail + b".\r\n") * 3 + b"QUIT\r\n")
    client.writer.write_eof()
    heard = []
    while reply := await client.hear():
        heard.append(reply[:3])
    assert heard == ["220", "250", *["250", "250", "354", "250"] * 3, "221"]
    assert len(door.submissions.submitted) == 3


async def test_one_octet_at_a_time(client: Client, door: Door) -> None:
    mail = octets(with_pdf())
    for octet in ENVELOPE + b"DATA\r\n" + mail + b".\r\nQUIT\r\n":
        client.say(bytes([octet]))
        await client.writer.drain()
    assert await codes(client, 5) == ["250 2.1.0", "250 2.1.5", "354 End d", "250 2.0.0", "221 2.0.0"]
    assert len(door.submissions.submitted) == 1


async def test_data_without_recipients_does_not_swallow_the_mail_as_commands_for_ever(client: Client) -> None:
    client.say(b"MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@fax.example.com>\r\nDATA\r\nRSET\r\nNOOP\r\n")
    assert await codes(client, 5) == ["250 2.1.0", "550 5.1.3", "554 5.5.1", "250 2.0.0", "250 2.0.0"]


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\n.\r"])
async def test_smuggling(client: Client, door: Door, end: bytes) -> None:
    """A second mail behind what a careless server takes for the end is no mail, and is not obeyed."""
    await client.envelope()
    assert (await client.ask("DATA")).startswith("354")
    client.say(octets(with_pdf()) + b"x" + end + ENVELOPE + b"DATA\r\n" + octets(with_pdf()) + b".\r\nNOOP\r\n")
    assert await client.hear() == replies.BARE_LINE_END
    assert await client.hear() == replies.OK
    assert not door.submissions.submitted
    (entry,) = door.submissions.recorded
    assert entry.reply == replies.BARE_LINE_END


async def test_a_client_that_ends_its_mail_wrongly_is_told_and_left(client: Client, door: Door) -> None:
    await client.envelope()
    assert (await client.ask("DATA")).startswith("354")
    client.say(b"Subject: x\n\nhello\n.\n")
    assert await client.hear() == replies.BARE_LINE_END
    assert await client.hear() == ""
    assert not door.submissions.submitted
