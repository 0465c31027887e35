"""Mail to a relay, which accepts, refuses, delays, drops and hangs as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from gateway.mail import MOST_CONNECTIONS, Relay, SmtpMailer, mailer_from_url
from gateway.ports import DelayedDeliveryError, Mailer, RefusedDeliveryError
from tests.mail.relay import AUTHORITY, STRANGER, Answer, Slow, drops, relay, says, transport

MESSAGE = b"From: faxgate@fax.example.com\r\nTo: alice@example.com\r\nSubject: hi\r\n\r\n.dots\r\n.\r\nend\r\n"


@asynccontextmanager
async def mailer(url: str) -> AsyncIterator[Mailer]:
    opened = mailer_from_url(url, hostname="gw.example.com")
    try:
        yield opened
    finally:
        await opened.close()


async def send(opened: Mailer, recipient: str = "alice@example.com", message: bytes = MESSAGE) -> str:
    return await opened.send(sender="faxgate@fax.example.com", recipient=recipient, message=message, key="n1")


async def test_the_relay_gets_what_was_sent() -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        answer = await send(opened)
        await opened.send(sender="", recipient="bob@example.com", message=MESSAGE, key="n2")
    assert answer == "250 2.0.0 queued as 1"
    first, second = sink.accepted
    assert (first.mail_from, first.rcpt_tos) == ("faxgate@fax.example.com", ["alice@example.com"])
    assert (second.mail_from, second.rcpt_tos) == ("<>", ["bob@example.com"])
    assert first.original_content == MESSAGE
    assert sink.connections == 1, "a fresh connection is used again"


async def test_a_bounce_does_not_take_the_fax_along_again() -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        sink.reports = True
        await send(opened)
        assert sink.returned == ["HDRS"]
        assert sink.accepted[0].original_content == MESSAGE


def sending(opened: Mailer, mails: int) -> "list[asyncio.Task[str]]":
    return [asyncio.create_task(send(opened, f"r{n}@example.com")) for n in range(mails)]


async def test_a_few_leave_at_a_time_and_the_others_wait() -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        await asyncio.gather(*sending(opened, 10))
    assert sorted(envelope.rcpt_tos[0] for envelope in sink.accepted) == sorted(f"r{n}@example.com" for n in range(10))
    assert sink.connections == MOST_CONNECTIONS
    assert sink.quits == MOST_CONNECTIONS, "all are closed in the end"


async def test_slow_mails_hold_up_no_other() -> None:
    slow = Slow()
    async with relay() as sink, mailer(sink.url) as opened:
        sink.on_dot = [slow] * (MOST_CONNECTIONS - 1)
        held = sending(opened, MOST_CONNECTIONS - 1)
        await slow.are(MOST_CONNECTIONS - 1)
        for _ in range(3):
            assert await send(opened) == "250 2.0.0 queued as 1"
        slow.answer()
        assert await asyncio.gather(*held) == ["250 2.0.0 queued as 2"] * (MOST_CONNECTIONS - 1)
    assert sink.connections == MOST_CONNECTIONS


@pytest.mark.parametrize("most", [1, 2])
async def test_a_relay_that_limits_connections_gets_every_mail_over_fewer(most: int) -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        sink.most = most
        for _ in range(2):
            await asyncio.gather(*sending(opened, 8))
    assert len(sink.accepted) == 16
    assert sink.connections == most
    assert sink.turned_away == MOST_CONNECTIONS - most, "it is not asked again and again"


async def test_a_limit_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        sink.most = 1
        await asyncio.gather(*sending(opened, 4))
        sink.most = 100
        await asyncio.gather(*sending(opened, 4))
        assert sink.connections == 1
        monkeypatch.setattr("gateway.mail.LIMIT_SECONDS", 0.0)
        await asyncio.gather(*sending(opened, 4))
        assert sink.connections > 1


async def test_a_limit_that_is_told_to_a_mail_is_kept_too() -> None:
    """421 to a mail closes the channel (RFC 5321 3.8): that mail is delayed, and fewer connections are used."""
    slow = Slow()
    async with relay() as sink, mailer(sink.url) as opened:
        sink.on_dot = [slow] * 4
        held = sending(opened, 4)
        await slow.are(4)
        slow.answer()
        await asyncio.gather(*held)
        assert sink.connections == 4
        sink.on_rcpt = ["421 4.7.0 Too many connections", "421 4.7.0 Too many connections"]
        told = await asyncio.gather(*sending(opened, 2), return_exceptions=True)
        assert [str(one) for one in told] == ["421 4.7.0 Too many connections"] * 2
        await sink.only(2)
        await asyncio.gather(*sending(opened, 8))
        assert sink.connections == 4, "no other one was opened"


async def test_a_421_over_the_last_connection_says_nothing_of_a_limit() -> None:
    slow = Slow()
    async with relay() as sink, mailer(sink.url) as opened:
        sink.on_rcpt = ["421 4.3.2 Going down"] * 5
        for _ in range(5):
            with pytest.raises(DelayedDeliveryError, match="Going down"):
                await send(opened)
        sink.on_dot = [slow] * MOST_CONNECTIONS
        held = sending(opened, MOST_CONNECTIONS)
        await slow.are(MOST_CONNECTIONS)
        slow.answer()
        await asyncio.gather(*held)


async def test_a_relay_that_is_away_has_no_limit_when_it_is_back() -> None:
    slow = Slow()
    async with relay() as sink, mailer(sink.url) as opened:
        sink.most = 1
        await asyncio.gather(*sending(opened, 4))
        sink.most = 0
        transport(sink.servers[0]).abort()
        delayed = await asyncio.gather(*sending(opened, 4), return_exceptions=True)
        assert [type(one) for one in delayed] == [DelayedDeliveryError] * 4
        sink.most = 100
        sink.on_dot = [slow] * 4
        held = sending(opened, 4)
        await slow.are(4)
        slow.answer()
        await asyncio.gather(*held)


async def test_a_wait_that_is_cancelled_costs_no_place() -> None:
    slow, again = Slow(), Slow()
    async with relay() as sink, mailer(sink.url) as opened:
        sink.on_dot = [slow] * 4
        held = sending(opened, 4)
        await slow.are(4)
        waiting = sending(opened, 3)
        await asyncio.sleep(0)
        for one in [*waiting, held.pop()]:
            one.cancel()
        slow.answer()
        await asyncio.gather(*held)
        sink.on_dot = [again] * 4
        held = sending(opened, 4)
        await again.are(4)
        again.answer()
        await asyncio.gather(*held)
    assert sink.connections == 5, "the one of the cancelled mail is not used again"


async def test_connections_that_are_not_needed_grow_old_and_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        await asyncio.gather(*sending(opened, 4))
        monkeypatch.setattr("gateway.mail.FRESH_SECONDS", 0.0)
        await send(opened)
        await sink.only(1)
        assert len(sink.accepted) == 5


async def test_a_mail_under_way_leaves_and_its_connection_is_not_kept() -> None:
    slow = Slow()
    async with relay() as sink:
        opened = mailer_from_url(sink.url)
        sink.on_dot = [slow]
        [held] = sending(opened, 1)
        await slow.are(1)
        await opened.close()
        slow.answer()
        await held
        await sink.only(0)


async def test_a_connection_gone_stale_is_replaced() -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        await send(opened)
        transport(sink.servers[0]).abort()
        await send(opened)
    assert len(sink.accepted) == 2
    assert sink.connections == 2


@pytest.mark.parametrize(
    ("on_rcpt", "on_dot", "error", "told"),
    [
        ("550 5.1.1 No such user", None, RefusedDeliveryError, "550 5.1.1 No such user"),
        ("450 4.2.0 Greylisted", None, DelayedDeliveryError, "450 4.2.0 Greylisted"),
        (None, says("554 5.7.1 Spam"), RefusedDeliveryError, "554 5.7.1 Spam"),
        (None, says("452 4.3.1 Disk full"), DelayedDeliveryError, "452 4.3.1 Disk full"),
        ("421 4.3.2 Going down", None, DelayedDeliveryError, "421 4.3.2 Going down"),
        ("530 5.7.0 Authentication required", None, DelayedDeliveryError, "530 5.7.0 Authentication required"),
        (None, says("554-5.7.1 First\r\n554 5.7.1 second\x7f"), RefusedDeliveryError, "554 5.7.1 First 5.7.1 second"),
        (None, drops, DelayedDeliveryError, "went away"),
    ],
)
async def test_a_no_is_told_and_the_next_mail_goes(
    on_rcpt: str | None, on_dot: Answer | None, error: type[Exception], told: str
) -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        sink.on_rcpt = [on_rcpt] if on_rcpt else []
        sink.on_dot = [on_dot] if on_dot else []
        with pytest.raises(error, match=told):
            await send(opened)
        await send(opened)
    assert len(sink.accepted) == 1


async def test_a_relay_that_hangs_before_the_reply() -> None:
    over = asyncio.Event()

    async def hang(server: SMTP) -> str:
        await over.wait()
        return "250 too late"

    async with relay() as sink, mailer(sink.url.replace("=5", "=0.2")) as opened:
        sink.on_dot = [hang]
        with pytest.raises(DelayedDeliveryError, match="Timed out"):
            await send(opened)
        over.set()
        await send(opened)
    assert len(sink.accepted) == 1


@asynccontextmanager
async def greeter(greeting: bytes) -> AsyncIterator[str]:
    """A server that says `greeting` and then nothing more; its URL."""
    over: list[asyncio.Task[None]] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()
        writer.close()
        await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over.append(asyncio.create_task(greet(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listening:
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}?timeout=0.3"
        await asyncio.gather(*over)


async def test_a_relay_that_never_greets() -> None:
    async with greeter(b"") as url, mailer(url) as opened:
        with pytest.raises(DelayedDeliveryError, match="cannot be reached"):
            await send(opened)


async def test_a_greeting_of_5xx_is_about_us_and_not_the_mail() -> None:
    async with greeter(b"554 5.7.1 You are on a list\r\n") as url, mailer(url) as opened:
        with pytest.raises(DelayedDeliveryError, match=r"554 5\.7\.1 You are on a list"):
            await send(opened)


async def test_a_reply_that_is_not_utf8_can_be_stored() -> None:
    async with greeter(b"554 Zugang verweigert f\xfcr Sie\r\n") as url, mailer(url) as opened:
        with pytest.raises(DelayedDeliveryError, match=r"554 Zugang verweigert f\?r Sie"):
            await send(opened)


async def test_nobody_listens() -> None:
    async with relay() as sink:
        url = sink.url
    async with mailer(url) as opened:
        with pytest.raises(DelayedDeliveryError, match="cannot be reached"):
            await send(opened)


async def test_a_cancelled_delivery_leaves_no_half_dialogue() -> None:
    reached, over = asyncio.Event(), asyncio.Event()

    async def hang(server: SMTP) -> str:
        reached.set()
        await over.wait()
        return "250 too late"

    async with relay() as sink, mailer(sink.url) as opened:
        await send(opened)
        sink.on_dot = [hang]
        sending = asyncio.create_task(send(opened))
        await reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        over.set()
        assert await send(opened, "bob@example.com") == "250 2.0.0 queued as 1"
    assert sink.connections == 2
    assert [envelope.rcpt_tos for envelope in sink.accepted] == [["alice@example.com"], ["bob@example.com"]]


@pytest.mark.parametrize(("options", "encrypted"), [("", True), ("&starttls=on", True), ("&starttls=off", False)])
async def test_starttls_when_it_is_offered(options: str, encrypted: bool) -> None:
    async with relay(starttls=True) as sink, mailer(sink.url + options) as opened:
        await send(opened)
    assert sink.tls == [encrypted]


async def test_starttls_that_is_asked_for_and_not_offered() -> None:
    async with relay() as sink, mailer(sink.url + "&starttls=on") as opened:
        with pytest.raises(DelayedDeliveryError, match="STARTTLS"):
            await send(opened)
    assert sink.accepted == []


async def test_smtps_with_a_certificate_of_our_own(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(ca))
    async with relay(tls=True) as sink, mailer(f"smtps://localhost:{sink.port}?ca={ca}") as opened:
        await send(opened)
    assert sink.tls == [True]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_of_somebody_else_is_refused(scheme: str, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    STRANGER.cert_pem.write_to_path(str(ca))
    async with relay(tls=scheme == "smtps", starttls=scheme == "smtp") as sink:
        async with mailer(f"{scheme}://localhost:{sink.port}?timeout=2&ca={ca}") as opened:
            with pytest.raises(DelayedDeliveryError, match="certificate"):
                await send(opened)
        assert sink.accepted == []


async def test_the_password_is_sent_over_tls() -> None:
    sink_url = "smtp://fax%40gw:p%40ss%2Fw%3Ard@127.0.0.1:{}"
    async with relay(starttls=True, auth_required=True) as sink, mailer(sink_url.format(sink.port)) as opened:
        await send(opened)
    assert sink.users == ["fax@gw:p@ss/w:rd"]
    assert sink.tls == [True]


async def test_a_wrong_password_keeps_the_mail() -> None:
    async with relay(starttls=True, auth_required=True) as sink:
        opened = mailer_from_url(f"smtp://fax:wrong@127.0.0.1:{sink.port}")
        with pytest.raises(DelayedDeliveryError, match="535") as delayed:
            await send(opened)
    assert "wrong" not in str(delayed.value)
    assert sink.accepted == []


async def test_eight_bits_and_foreign_addresses() -> None:
    eight = MESSAGE + b"\xc3\xa9\r\n"
    async with relay(enable_SMTPUTF8=True) as sink, mailer(sink.url) as opened:
        await send(opened, "jörg@bücher.example", eight)
    (envelope,) = sink.accepted
    assert envelope.rcpt_tos == ["jörg@bücher.example"]
    assert envelope.original_content == eight
    assert "BODY=8BITMIME" in envelope.mail_options


async def test_foreign_addresses_need_smtputf8() -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        with pytest.raises(RefusedDeliveryError, match="internationalised"):
            await send(opened, "jörg@bücher.example")
        await send(opened)


async def test_an_address_cannot_write_commands() -> None:
    async with relay() as sink, mailer(sink.url) as opened:
        with pytest.raises(RefusedDeliveryError):
            await send(opened, "a@example.com>\r\nRCPT TO:<b@example.com")
        await send(opened)
    assert [envelope.rcpt_tos for envelope in sink.accepted] == [["alice@example.com"]]


@pytest.mark.parametrize(
    "url",
    [
        "imap://x",
        "smtp://",
        "smtp://host:port",
        "smtp://user:secret@host:99999",
        "smtp://host/path",
        "smtp://host?starttls=maybe",
        "smtps://host?starttls=on",
        "smtp://host?timeout=never",
        "smtp://host?timeout=nan",
        "smtp://host?ca=/no/such/file",
        "smtp://host?retries=3",
        "maildir:",
        "maildir:/",
    ],
)
def test_a_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError) as wrong:
        mailer_from_url(url)
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("to", "verified", "in_clear"),
    [
        (Relay(host="mx.example", port=25), False, False),
        (Relay(host="mx.example", port=25, user="u"), True, False),
        (Relay(host="mx.example", port=25, user="u", starttls=True), True, False),
        (Relay(host="mx.example", port=25, user="u", starttls=False), True, True),
        (Relay(host="mx.example", port=465, tls=True, starttls=False), True, False),
        (Relay(host="127.0.0.1", port=25, user="u"), False, True),
        (Relay(host="::1", port=25, user="u", ca="ca.pem"), True, True),
        (Relay(host="localhost", port=25, starttls=True), False, True),
    ],
)
def test_whom_the_password_is_shown(to: Relay, verified: bool, in_clear: bool) -> None:
    assert (to.verified, to.password_in_clear) == (verified, in_clear)


async def examined(url: str) -> str:
    async with mailer(url) as opened:
        assert isinstance(opened, SmtpMailer)
        return await opened.examine("fax@fax.example.com", "ops@example.com")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("250 OK", ""),
        ("450 4.2.0 Greylisted", ""),
        ("554 5.7.1 Relay access denied", "refuses a mail to ops@example.com: 554 5.7.1 Relay access denied"),
    ],
)
async def test_a_relay_is_examined_without_a_mail(reply: str, told: str) -> None:
    async with relay() as sink:
        sink.on_rcpt = [reply]
        said = await examined(sink.url)
        assert (told in said) is True
        assert bool(said) == bool(told)
        assert sink.quits == 1
    assert not sink.accepted


async def test_what_is_wrong_with_a_relay_shows_when_it_is_examined() -> None:
    async with relay(starttls=True, auth_require_tls=True) as sink:
        url = sink.url.replace("smtp://", "smtp://bob:wrong@")
        assert "does not let us in: 535" in await examined(url)
    assert "cannot be reached" in await examined(url)
