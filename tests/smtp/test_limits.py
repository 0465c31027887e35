"""Every limit and its reply."""

import asyncio
import resource
from pathlib import Path

import pytest

from smtp import replies
from smtp.policy import Limits
from tests.smtp.conftest import Client, Door, running
from tests.smtp.mails import octets, with_pdf, written

LARGE = b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 1000


async def test_too_many_connections_in_all(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(connections=2)) as door:
        first, second = await door.greeted(), await door.greeted()
        third = await door.connect()
        assert await third.hear() == replies.TOO_MANY_CONNECTIONS
        assert await third.hear() == ""
        assert (await first.ask("NOOP")).startswith("250")
        assert (await second.ask("QUIT")).startswith("221")
        assert await second.hear() == ""
        await door.greeted()


async def test_too_many_connections_from_one_peer(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(connections_per_peer=1)) as door:
        client = await door.greeted()
        assert await (await door.connect()).hear() == replies.TOO_MANY_FROM_PEER
        elsewhere = Client(*await asyncio.open_connection("127.0.0.1", door.server.port, local_addr=("127.0.0.2", 0)))
        door.clients.append(elsewhere)
        assert (await elsewhere.hear()).startswith("220")
        client.close()


async def test_too_many_recipients(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(recipients=2)) as door:
        client = await door.greeted()
        await client.envelope("+15551230001@fax.example.com", "+15551230002@fax.example.com")
        for _ in range(3):
            assert await client.ask("RCPT TO:<+15551230003@fax.example.com>") == replies.TOO_MANY_RECIPIENTS
        assert (await client.ask("DATA")).startswith("354")
        client.say(octets(with_pdf()) + b".\r\n")
        assert (await client.hear()).startswith("250")
        (entry,) = door.submissions.entries
        assert len(entry.recipients) == 2
        assert entry.errors == [f"3 more recipients got {replies.TOO_MANY_RECIPIENTS}"]


@pytest.mark.parametrize("said", ["", "NOOP", "MAIL FROM:<alice@example.com>", "half a command"])
async def test_idle_between_commands(tmp_path: Path, said: str) -> None:
    async with running(tmp_path, Limits(idle_seconds=0.2)) as door:
        client = await door.greeted()
        if said == "half a command":
            client.say(said)
        elif said:
            assert (await client.ask(said)).startswith("250")
        assert await client.hear() == replies.IDLE
        assert await client.hear() == ""
        await door.until_all_left()
        assert [entry.reply for entry in door.submissions.recorded] == [replies.IDLE] * said.startswith("MAIL")


async def test_idle_in_the_middle_of_a_mail(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(idle_seconds=0.2)) as door:
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        client.say("Subject: half\r\n\r\n.")
        assert await client.hear() == replies.IDLE
        await door.until_all_left()
        (entry,) = door.submissions.recorded
        assert (entry.reply, entry.accepted) == (replies.IDLE, False)


async def test_a_slow_gateway_is_no_idle_client(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(idle_seconds=0.2)) as door:
        door.submissions.held = True
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        client.say(octets(with_pdf()) + b".\r\n")
        await door.submissions.begun.wait()
        await asyncio.sleep(0.5)
        door.submissions.released.set()
        assert (await client.hear()).startswith("250")


async def test_a_drip_of_octets_does_not_hold_a_connection(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(data_seconds=0.3)) as door:
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        heard = asyncio.create_task(client.hear())
        while not heard.done():
            client.say("x")
            await asyncio.sleep(0.05)
        assert heard.result() == replies.IDLE


async def test_a_client_that_does_not_read_is_left(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(idle_seconds=0.3)) as door:
        client = await door.greeted()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(2000):
            client.say(b"EHLO x\r\n" * 50)
        async with asyncio.timeout(10):
            await door.until_all_left()


async def test_too_many_errors(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(errors=3)) as door:
        client = await door.greeted()
        assert await client.ask("A") == replies.UNKNOWN_COMMAND
        assert await client.ask("MAIL") == "501 5.5.4 Expected FROM:<address>."
        assert await client.ask("B") == replies.TOO_MANY_ERRORS
        assert await client.hear() == ""


async def test_a_refused_recipient_is_no_error_of_the_client(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(errors=3)) as door:
        client = await door.greeted()
        assert (await client.ask("MAIL FROM:<alice@example.com>")).startswith("250")
        for _ in range(10):
            assert (await client.ask("RCPT TO:<bob@fax.example.com>")).startswith("550")


STRANGER = "RCPT TO:<bob@fax.example.com>"


async def test_too_many_refused_recipients_of_one_connection(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(refused=30, logged_refusals=5)) as door:
        client = await door.greeted()
        heard = []
        for _ in range(4):
            await client.envelope()
            heard += [(await client.ask(STRANGER))[:3] for _ in range(10)]
            if heard[-1] != "550":
                break
            assert (await client.ask("RSET")).startswith("250")
        else:
            pytest.fail("refusals without end")
    assert heard == ["550"] * 30 + ["421"] + [""] * 9


async def test_an_entry_names_some_refused_recipients_and_counts_the_rest(door: Door, client: Client) -> None:
    await client.envelope()
    for _ in range(50):
        assert (await client.ask(STRANGER)).startswith("550")
    assert (await client.ask("RCPT TO:<+15557654321@fax.example.com>")).startswith("250")
    assert (await client.ask("RSET")).startswith("250")
    (entry,) = door.submissions.recorded
    assert [line.reply[:3] for line in entry.recipients] == ["250", *["550"] * 20, "250"]
    assert "30 more recipients were refused" in entry.errors


async def test_malformed_recipients_are_refused_ones(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(refused=3, logged_refusals=2)) as door:
        client = await door.greeted()
        await client.envelope()
        for _ in range(3):
            assert (await client.ask("RCPT TO:<(5)1@fax.example.com>")).startswith("501")
        assert await client.ask(STRANGER) == replies.TOO_MANY_REFUSED
        assert await client.hear() == ""
        await door.until_all_left()
        (entry,) = door.submissions.recorded
        assert entry.reply == replies.TOO_MANY_REFUSED
        assert len(entry.recipients) == 3


FRUITLESS = {
    "given up": ["MAIL FROM:<alice@example.com>", "RSET"],
    "sender refused": ["MAIL FROM:<a@exam_ple.com>"],
    "begun anew": ["MAIL FROM:<alice@example.com>", "EHLO again"],
}


@pytest.mark.parametrize("said", FRUITLESS.values(), ids=FRUITLESS.keys())
async def test_too_many_transactions_that_bring_nothing(tmp_path: Path, said: list[str]) -> None:
    async with running(tmp_path, Limits(fruitless=10)) as door:
        client = await door.greeted()
        for _ in range(10):
            for line in said:
                assert not (await client.ask(line)).startswith("421")
        assert await client.ask(said[0]) == replies.TOO_MANY_FRUITLESS
        assert await client.hear() == ""
        await door.until_all_left()
        assert len(door.submissions.recorded) == 10


async def test_refused_mails_bring_nothing_and_accepted_ones_may_be_many(tmp_path: Path) -> None:
    async with running(tmp_path, Limits(fruitless=3)) as door:
        client = await door.greeted()
        for _ in range(10):
            assert (await client.send(octets(with_pdf()))).startswith("250")
        for _ in range(3):
            assert (await client.send(octets(written()))).startswith("554")
        assert await client.ask("MAIL FROM:<alice@example.com>") == replies.TOO_MANY_FRUITLESS


async def test_a_mail_that_turns_out_too_large_leaves_the_session_usable(tmp_path: Path) -> None:
    async with running(tmp_path / "spool", Limits(size=20_000)) as door:
        client = await door.greeted()
        assert await client.send(LARGE) == replies.TOO_LARGE
        assert (await client.send(octets(with_pdf()))).startswith("250")
        refused = door.submissions.recorded[0]
        assert (refused.reply, refused.accepted) == (replies.TOO_LARGE, False)
        assert refused.size > 20_000
        assert not list((tmp_path / "spool").glob("*"))


async def test_an_endless_mail_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path / "spool", Limits(size=20_000, drained=50_000)) as door:
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        heard = asyncio.create_task(client.hear())
        while not heard.done():
            client.say(b"x" * 70 + b"\r\n")
            await asyncio.sleep(0)
        assert heard.result() == replies.TOO_LARGE


async def test_a_command_without_end_does_not_fill_the_memory(door: Door) -> None:
    client = await door.greeted()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        client.say(b"x" * 1_000_000)
        await client.writer.drain()
    client.say(b"\r\n")
    assert await client.hear() == replies.LINE_TOO_LONG
    assert (await client.ask("NOOP")).startswith("250")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000


async def test_mails_beyond_the_memory_go_through_the_spool_directory(tmp_path: Path) -> None:
    async with running(tmp_path / "spool", Limits(memory=10_000)) as door:
        client = await door.greeted()
        document = with_pdf(filler=b"y" * 100_000)
        assert (await client.send(octets(document))).startswith("250")
        attached = next(document.iter_attachments()).get_content()
        assert door.submissions.spooled == [attached]
        assert not list((tmp_path / "spool").glob("*"))


async def test_mails_within_the_memory_stay_out_of_it(door: Door) -> None:
    client = await door.greeted()
    assert (await client.send(octets(with_pdf(filler=b"y" * 500_000)))).startswith("250")
    assert isinstance(door.submissions.submitted[0].documents[0].content, bytes)
    assert not door.spool.exists()


async def test_a_spool_that_cannot_be_written_refuses_the_mail_for_now(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the place of the directory")
    async with running(tmp_path / "spool", Limits(memory=10_000)) as door:
        client = await door.greeted()
        mail = octets(with_pdf(filler=b"y" * 1_000_000))
        assert await client.send(mail) == replies.LOCAL_TROUBLE
        (entry,) = door.submissions.recorded
        assert (entry.reply, entry.accepted) == (replies.LOCAL_TROUBLE, False)
        assert len(entry.errors) == 1
        assert entry.errors[0].startswith("the mail could not be written to the spool: ")
        (tmp_path / "spool").unlink()
        assert (await client.send(mail)).startswith("250")


async def test_a_mail_lost_half_way_leaves_nothing_in_the_spool_directory(tmp_path: Path) -> None:
    async with running(tmp_path / "spool", Limits(memory=10_000)) as door:
        client = await door.greeted()
        await client.envelope()
        assert (await client.ask("DATA")).startswith("354")
        client.say(LARGE)
        await client.writer.drain()
        client.close()
        await door.until_all_left()
        assert not list((tmp_path / "spool").glob("*"))
        (entry,) = door.submissions.recorded
        assert entry.errors == ["the client disconnected"]
        assert entry.reply == replies.START_DATA


async def test_the_greatest_number_of_lines_that_are_just_short_enough(door: Door) -> None:
    client = await door.greeted()
    mail = octets(written()) + (b"x" * 2046 + b"\r\n") * 200
    assert (await client.send(mail)).startswith("554 5.6.1")
