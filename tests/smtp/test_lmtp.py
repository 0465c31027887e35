"""LMTP (RFC 2033), also as the standard library speaks it."""

import asyncio
import smtplib

import pytest

from smtp import replies
from smtp.policy import Door as Speaks
from tests.smtp.conftest import Client, Door
from tests.smtp.mails import octets, with_pdf, written

ONE, TWO, NOBODY = "+15551234567@fax.example.com", "+15551234568@fax.example.com", "bob@fax.example.com"


@pytest.fixture
async def port(door: Door) -> int:
    return await door.server.start("127.0.0.1", 0, Speaks.LMTP)


@pytest.fixture
async def lmtp(door: Door, port: int) -> Client:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    door.clients.append(client)
    assert await client.hear() == "220 mx.example.com LMTP faxgate"
    assert "PIPELINING" in await client.ask("LHLO relay.example")
    return client


async def test_each_accepted_recipient_has_its_reply(door: Door, lmtp: Client) -> None:
    assert (await lmtp.ask("MAIL FROM:<alice@example.com>")).startswith("250")
    heard = [await lmtp.ask(f"RCPT TO:<{to}>") for to in (ONE, NOBODY, TWO, ONE)]
    assert [reply[:3] for reply in heard] == ["250", "550", "250", "250"]
    assert (await lmtp.ask("DATA")).startswith("354")
    lmtp.say(octets(with_pdf()) + b".\r\nNOOP\r\n")
    answers = [await lmtp.hear() for _ in range(4)]
    [entry] = door.submissions.entries
    assert answers == [f"250 2.0.0 Accepted as {entry.id}"] * 3 + [replies.OK]
    assert len(entry.fax_ids) == 2


async def test_what_is_refused_is_refused_for_each(lmtp: Client) -> None:
    await lmtp.envelope(ONE, TWO)
    assert (await lmtp.ask("DATA")).startswith("354")
    lmtp.say(octets(written()) + b".\r\nNOOP\r\n")
    answers = [await lmtp.hear() for _ in range(3)]
    assert [answer[:9] for answer in answers] == ["554 5.6.1", "554 5.6.1", "250 2.0.0"]


async def test_the_commands_are_lmtps(door: Door, client: Client, lmtp: Client) -> None:
    assert await lmtp.ask("HELO x") == await lmtp.ask("EHLO x") == replies.UNKNOWN_COMMAND
    assert await client.ask("LHLO x") == replies.UNKNOWN_COMMAND
    assert (await lmtp.ask("HELP")).startswith("214 2.0.0 DATA HELP LHLO MAIL ")
    assert await lmtp.ask("DATA") == replies.MAIL_FIRST
    await lmtp.ask("MAIL FROM:<alice@example.com>")
    assert (await lmtp.ask(f"RCPT TO:<{NOBODY}>")).startswith("550")
    assert (await lmtp.ask("DATA")).startswith("503")


async def test_smtplib_hands_over(door: Door, port: int) -> None:
    def send() -> None:
        with smtplib.LMTP("127.0.0.1", port) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("alice@example.com")
            for to in (ONE, TWO):
                assert client.rcpt(to)[0] == 250
            assert client.data(octets(with_pdf()))[0] == 250
            assert client.getreply()[0] == 250

    await asyncio.to_thread(send)
    [entry] = door.submissions.entries
    assert entry.authentication == "trusted network"
