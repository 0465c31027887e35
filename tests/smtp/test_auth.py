"""Logging in over a real connection: PLAIN and LOGIN (RFC 4954, 4616), under TLS only."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import passwords
from gateway.accounts import Credential
from gateway.credentials import Known
from gateway.errors import OurTrouble
from smtp import replies
from smtp.auth import LINE, NotPresentedError, Presented, presented
from smtp.lockout import LOCK_SECONDS, MOST_FAILURES
from smtp.logins import Logins
from smtp.policy import Limits
from smtp.tls import Certificate
from tests.smtp.conftest import WHEN, Client, Door, running
from tests.smtp.mails import octets, with_pdf
from tests.smtp.test_tls import pem, upgraded

__all__ = ["pem"]

NAME, PASSWORD = "müller@example.com", "straße 12 straße"
OTHERWISE = "MU\N{COMBINING DIAERESIS}LLER@Example.com"
"""The same name."""
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Quick to compare: there are many comparisons here."""
OF_BOX = Credential(id="1", account_id="acme", faxbox_id="acme-box", name=NAME, created_at=WHEN)


def b64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def plain(name: str = NAME, password: str = PASSWORD, acting_as: str = "") -> str:
    return b64(f"{acting_as}\0{name}\0{password}")


RIGHT, WRONG = plain(), plain(password="not the password")


class InMemoryCredentials:
    """One credential. `broken` is a database that does not answer."""

    def __init__(self) -> None:
        self.peers: tuple[str, ...] = ()
        self.asked: list[str] = []
        self.broken = False
        self.hash: str | None = HASH
        """None: it is deleted."""

    async def known(self, name: str) -> Known | None:
        self.asked.append(name)
        if self.broken:
            raise OurTrouble("The names cannot be looked up now.", detail="no database")
        found = name == NAME and self.hash
        return Known(credential=OF_BOX, hash=found, peers=self.peers) if found else None

    async def logged_in(self, known: Known, peer: str) -> None:
        self.peers = (peer, *self.peers)


class Watch:
    """Seconds, as the test has them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def credentials() -> InMemoryCredentials:
    return InMemoryCredentials()


@pytest.fixture
async def open_door(tmp_path: Path, pem: Path, credentials: InMemoryCredentials, watch: Watch) -> AsyncIterator[Door]:
    logins = Logins(credentials, now=watch)
    # Nobody is trusted: what gets in has logged in.
    async with running(
        tmp_path / "spool", Limits(), trusted="192.0.2.0/24", certificate=Certificate(pem), logins=logins
    ) as door:
        yield door


async def secured(door: Door) -> Client:
    client = await upgraded(await door.greeted())
    assert "AUTH PLAIN LOGIN" in await client.ask("EHLO client.example")
    return client


@pytest.fixture
async def client(open_door: Door) -> Client:
    return await secured(open_door)


@pytest.fixture(autouse=True)
def no_password_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for secret in (PASSWORD, "not the password", RIGHT, WRONG, b64(PASSWORD)):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        [f"AUTH PLAIN {RIGHT}"],
        [f"auth plain {RIGHT}"],
        [f"AUTH PLAIN {plain(acting_as=NAME)}"],
        [f"AUTH PLAIN {plain(name=OTHERWISE)}"],
        ["AUTH PLAIN", RIGHT],
        ["AUTH LOGIN", b64(NAME), b64(PASSWORD)],
        [f"AUTH LOGIN {b64(NAME)}", b64(PASSWORD)],
    ],
)
async def test_the_ways_to_log_in(open_door: Door, client: Client, said: list[str]) -> None:
    for line in said[:-1]:
        assert (await client.ask(line)).startswith("334 ")
    assert await client.ask(said[-1]) == replies.LOGGED_IN
    assert (await client.send(octets(with_pdf()))).startswith("250")
    [entry] = open_door.submissions.entries
    assert entry.authentication == f"logged in as {NAME}"
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.ALREADY_LOGGED_IN


async def test_help_names_what_is_offered(open_door: Door) -> None:
    client = await open_door.greeted()
    assert "EHLO HELO HELP MAIL NOOP QUIT RCPT RSET STARTTLS VRFY" in await client.ask("HELP")
    assert (await (await secured(open_door)).ask("HELP")).startswith("214 2.0.0 AUTH DATA EHLO HELO HELP MAIL")


async def test_the_challenges(client: Client) -> None:
    assert await client.ask("AUTH PLAIN") == "334 "
    assert await client.ask("*") == replies.AUTH_CANCELLED
    assert await client.ask("AUTH LOGIN") == f"334 {b64('Username:')}"
    assert await client.ask(b64(NAME)) == f"334 {b64('Password:')}"
    assert await client.ask("*") == replies.AUTH_CANCELLED
    assert await client.ask("NOOP") == replies.OK


@pytest.mark.parametrize(
    "said",
    [
        f"AUTH PLAIN {WRONG}",
        f"AUTH PLAIN {plain(name='nobody')}",
        f"AUTH PLAIN {plain(name='')}",
        f"AUTH PLAIN {plain(password='')}",
        f"AUTH PLAIN {plain(name='two words')}",
        f"AUTH PLAIN {plain(name='x' * 300)}",
        f"AUTH PLAIN {plain(password='x' * 2000)}",
        f"AUTH PLAIN {plain(acting_as='somebody@example.com')}",
    ],
)
async def test_what_is_wrong_is_not_told(open_door: Door, client: Client, said: str) -> None:
    assert await client.ask(said) == replies.LOGIN_FAILED
    assert (await client.ask("MAIL FROM:<alice@example.org>")).startswith("250")
    assert (await client.ask("RCPT TO:<+15551234567@fax.example.com>")).startswith("250 ")  # it may yet be proven
    assert (await client.ask("DATA")).startswith("354")
    assert (await client.ask(octets(with_pdf()) + b".")).startswith("550 5.7.1")


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("AUTH", replies.ARGUMENT_NEEDED),
        ("AUTH CRAM-MD5", replies.UNKNOWN_MECHANISM),
        ("AUTH PLAIN ====", replies.BAD_BASE64),
        (f"AUTH PLAIN {RIGHT}x", replies.BAD_BASE64),
        ("AUTH PLAIN AGE YWI=", replies.BAD_BASE64),
        ("AUTH PLAIN ä", replies.BAD_BASE64),
        ("AUTH PLAIN =", replies.BAD_CREDENTIALS),
        (f"AUTH PLAIN {b64('no zeros')}", replies.BAD_CREDENTIALS),
        (f"AUTH PLAIN {b64(chr(0) * 3)}", replies.BAD_CREDENTIALS),
        (f"AUTH PLAIN {b64(bytes((0, 97, 0, 255)))}", replies.BAD_CREDENTIALS),
    ],
)
async def test_what_is_malformed(client: Client, credentials: InMemoryCredentials, said: str, reply: str) -> None:
    assert await client.ask(said) == reply
    assert not credentials.asked


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (b"not base64\r\n", replies.BAD_BASE64),
        (b"AAAA\0\r\n", replies.BAD_BASE64),
        (b"\r\n", replies.BAD_CREDENTIALS),
        (b"A" * (LINE - 1) + b"\r\n", replies.AUTH_LINE_TOO_LONG),
        (b"A" * 1_000_000 + b"\r\n", replies.AUTH_LINE_TOO_LONG),
    ],
)
async def test_answers_that_are_malformed(client: Client, answer: bytes, reply: str) -> None:
    assert await client.ask("AUTH PLAIN") == "334 "
    client.say(answer)
    assert await client.hear() == reply
    assert await client.ask("NOOP") == replies.OK


async def test_the_longest_line_is_read(client: Client) -> None:
    longest = b64(f"\0{NAME}\0{'x' * 9000}")
    assert LINE - 300 < len(longest) < LINE - len("AUTH PLAIN \r\n")
    assert await client.ask(f"AUTH PLAIN {longest}") == replies.LOGIN_FAILED
    assert await client.ask(f"AUTH PLAIN {'A' * LINE}") == replies.LINE_TOO_LONG


async def test_no_login_without_tls(open_door: Door, credentials: InMemoryCredentials) -> None:
    client = await open_door.greeted()
    assert "AUTH" not in await client.ask("EHLO client.example")
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.TLS_BEFORE_LOGIN
    assert (await client.ask("MAIL FROM:<a@example.com> AUTH=<>")).startswith("555")
    assert not credentials.asked


async def test_no_login_without_tls_where_that_is_required(tmp_path: Path, pem: Path) -> None:
    logins = Logins(InMemoryCredentials())
    async with running(tmp_path, Limits(), certificate=Certificate(pem), tls_required=True, logins=logins) as door:
        client = await door.greeted()
        assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.TLS_FIRST


async def test_the_order_of_commands(client: Client) -> None:
    await client.envelope()
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.NO_LOGIN_NOW
    assert await client.ask("RSET") == replies.OK
    assert (await client.ask("HELO client.example")).startswith("250")
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.EHLO_FIRST
    await client.ask("EHLO client.example")
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.LOGGED_IN


async def test_mail_says_whose_it_is_and_nobody_believes_it(open_door: Door, client: Client) -> None:
    assert (await client.ask("MAIL FROM:<alice@example.com> AUTH")) == replies.BAD_AUTH
    assert (await client.ask(f"MAIL FROM:<alice@example.com> AUTH={'x' * 490}")).startswith("250")
    assert (await client.ask("RSET")).startswith("250")
    assert not any(entry.authentication for entry in open_door.submissions.entries)


async def test_nothing_is_obeyed_behind_a_bare_line_feed_of_the_exchange(open_door: Door, client: Client) -> None:
    assert await client.ask("AUTH PLAIN") == "334 "
    assert await client.ask(f"{RIGHT}\nMAIL FROM:<alice@example.com>") == replies.BAD_LINE_END
    assert await client.hear() == ""
    await open_door.until_all_left()
    assert open_door.submissions.entries == []


async def test_trouble_of_ours_counts_for_nothing(
    client: Client, credentials: InMemoryCredentials, caplog: pytest.LogCaptureFixture
) -> None:
    credentials.broken = True
    for _ in range(MOST_FAILURES + 2):
        assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.LOGIN_TROUBLE
    assert "no database" in caplog.text
    credentials.broken = False
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.LOGGED_IN


@pytest.mark.parametrize("hashed", [None, passwords.nobodys()], ids=["gone", "changed"])
async def test_a_login_ends_with_its_credential(
    open_door: Door, client: Client, credentials: InMemoryCredentials, hashed: str | None
) -> None:
    assert await client.ask(f"AUTH PLAIN {RIGHT}") == replies.LOGGED_IN
    assert (await client.send(octets(with_pdf()))).startswith("250")
    credentials.broken = True
    assert await client.ask("MAIL FROM:<alice@example.com>") == replies.LOCAL_TROUBLE
    credentials.broken, credentials.hash = False, hashed
    assert await client.ask("MAIL FROM:<alice@example.com>") == replies.LOGIN_ENDED
    assert await client.hear() == ""
    assert [entry.reply for entry in open_door.submissions.recorded] == [replies.LOCAL_TROUBLE, replies.LOGIN_ENDED]


async def attack(door: Door) -> list[str]:
    """More wrong passwords at once than are allowed; what each was answered."""
    clients = await asyncio.gather(*[secured(door) for _ in range(MOST_FAILURES + 5)])
    return list(await asyncio.gather(*[one.ask(f"AUTH PLAIN {WRONG}") for one in clients]))


async def test_too_many_are_locked_out_for_a_while(
    open_door: Door, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    heard = await attack(open_door)
    assert sorted(heard) == sorted([replies.LOGIN_FAILED] * MOST_FAILURES + [replies.LOCKED_OUT] * 5)
    late = await secured(open_door)
    assert await late.ask(f"AUTH PLAIN {RIGHT}") == replies.LOCKED_OUT
    assert await late.hear() == ""
    assert f"smtp: login of {NAME} from 127.0.0.1 failed" in caplog.text
    assert f"smtp: login of {NAME} from 127.0.0.1 refused, too many have failed" in caplog.text
    watch.seconds += LOCK_SECONDS
    assert await (await secured(open_door)).ask(f"AUTH PLAIN {RIGHT}") == replies.LOGGED_IN


async def many(logins: Logins, said: Presented) -> list[Known | str]:
    """The same at once, more often than it may fail, from one address."""
    return await asyncio.gather(*[logins.log_in(said, "192.0.2.1") for _ in range(MOST_FAILURES + 5)])


async def test_names_that_nobody_has_are_locked_too(credentials: InMemoryCredentials) -> None:
    heard = await many(Logins(credentials), Presented("nobody", PASSWORD))
    assert (heard.count(replies.LOGIN_FAILED), heard.count(replies.LOCKED_OUT)) == (MOST_FAILURES, 5)


async def test_who_was_here_before_is_not_locked_out(credentials: InMemoryCredentials) -> None:
    logins, right = Logins(credentials), Presented(NAME, PASSWORD)
    assert isinstance(await logins.log_in(right, "192.0.2.1"), Known)
    await many(logins, Presented("another", PASSWORD))
    assert isinstance(await logins.log_in(right, "192.0.2.1"), Known)


async def test_many_right_passwords_at_once(credentials: InMemoryCredentials) -> None:
    heard = await many(Logins(credentials), Presented(NAME, PASSWORD))
    assert all(isinstance(one, Known) for one in heard)


async def test_the_fourth_wrong_password_waits(client: Client) -> None:
    for _ in range(3):
        assert await client.ask(f"AUTH PLAIN {WRONG}") == replies.LOGIN_FAILED
    begun = asyncio.get_running_loop().time()
    assert await client.ask(f"AUTH PLAIN {WRONG}") == replies.LOGIN_FAILED
    assert asyncio.get_running_loop().time() - begun >= 1


def test_a_password_is_not_in_what_is_printed() -> None:
    assert PASSWORD not in repr(Presented(NAME, PASSWORD))


@settings(max_examples=50)
@given(st.sampled_from(["PLAIN", "LOGIN", "LOGIN AA=="]), st.lists(st.binary(), min_size=2, max_size=2))
async def test_whatever_is_said_ends_in_a_reply(argument: str, answers: list[bytes]) -> None:
    left = iter(answers)

    async def ask(challenge: str) -> bytes | None:
        assert challenge.startswith("334 ")
        answer = next(left, None)
        return None if answer is None else base64.b64encode(answer) + b"\r\n"

    with suppress(NotPresentedError):
        assert isinstance(await presented(argument, ask), Presented)
