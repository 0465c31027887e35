"""A gateway that is killed with SIGKILL while it tells of a fax: everything is told at least once, and what is told
twice can be known to be the same.

Each is killed at an exact moment: the relay and the called program are real servers that hold still there.
"""

import asyncio
import email
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from benchmarks.gateway import DOMAIN, Gateway, free_port
from gateway.administration import Administration
from gateway.building import open_desk
from gateway.clock import Clock
from gateway.sending import send
from gateway.settings import read
from gateway.store.engine import Store
from gateway.store.wake import Wake
from tests.documents import papers
from tests.mail.relay import Sink, relay
from tests.notices.receiver import Receiver, receiving
from tests.notices.texting import centre

FAX_MACHINE = "+12025550190"
PATIENCE = 60.0


class Withheld:
    """The answer to a final dot: the mail is read whole, the 250 comes when it may, or never."""

    def __init__(self) -> None:
        self.read: list[Envelope] = []
        self.may = asyncio.Event()

    async def __call__(self, server: SMTP) -> str:
        assert server.envelope is not None
        self.read.append(server.envelope)
        await self.may.wait()
        return "250 2.0.0 queued"


class Killed:
    """A gateway with a faxbox that tells by mail and by callback, and both ends of that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.relay_port, self.program_port = free_port(), free_port()
        self.gateway = Gateway(
            folder,
            mail_url=f"smtp://127.0.0.1:{self.relay_port}?timeout=60",
            fetch_allow="127.0.0.0/8",
            lease_seconds="1",
        )
        self.letter = folder / "letter.pdf"
        self.faxbox = self.texting = ""

    async def install(self) -> None:
        database = f"sqlite:///{self.folder}/faxgate.db"
        store, wake = await Store.open(database), Wake(database)
        await wake.start()
        administration = Administration(store, wake, Clock())
        account, _ = await administration.add_account("Practice", domains=[DOMAIN])
        url = f"http://127.0.0.1:{self.program_port}/told"
        box = await administration.add_faxbox(
            account.id,
            "Alice",
            numbers=["+12025550101"],
            outbound_email=["alice@example.com"],
            notifications={"outbound": {"callback": {"url": url}}},
        )
        texting = await administration.add_faxbox(
            account.id,
            "Bob",
            numbers=["+12025550102"],
            notifications={"outbound": {"sms": {"send_to": ["+12025550111"]}}},
        )
        self.faxbox, self.texting = box.id, texting.id
        await wake.stop()
        await store.close()
        await asyncio.to_thread(self.letter.write_bytes, papers.letter())

    async def start(self) -> None:
        await self.gateway.start()
        await self.gateway.up()

    async def fax(self, faxbox: str) -> None:
        desk = await open_desk(read(data_dir=self.folder))
        await send(desk, faxbox, FAX_MACHINE, [self.letter])
        await desk.close()

    def texts_at(self, port: int) -> None:
        """From the next start on its SMS centre is there."""
        self.gateway.environment["FAXGATE_SMS_URL"] = f"smpp://user:s3cret@127.0.0.1:{port}?source=FAX"

    def states(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / "faxgate.db", timeout=30)) as database:
            return sorted(state for (state,) in database.execute("SELECT state FROM notice"))

    async def all_sent(self) -> None:
        await until(lambda: self.states() == ["sent", "sent"], "both notices sent")


async def until(seen: Callable[[], bool], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not seen():
        assert asyncio.get_running_loop().time() < deadline, f"never saw {what}"
        await asyncio.sleep(0.05)


@pytest.fixture
async def killed(tmp_path: Path) -> AsyncIterator[Killed]:
    made = Killed(tmp_path)
    await made.install()
    yield made
    await made.gateway.kill()


@asynccontextmanager
async def both(killed: Killed) -> AsyncIterator[tuple[Sink, Receiver]]:
    async with relay(port=killed.relay_port) as sink, receiving(port=killed.program_port) as program:
        yield sink, program


@asynccontextmanager
async def silent(*ports: int) -> AsyncIterator[list[int]]:
    """Servers that take connections and say nothing; the ports that were connected to."""
    connected: list[int] = []
    async with AsyncExitStack() as stack:
        for port in ports:

            async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
                connected.append(port)
                stack.callback(writer.transport.abort)

            server = await asyncio.start_server(hold, "127.0.0.1", port)
            stack.callback(server.close)
        yield connected


def told(mails: list[Envelope], calls: list[tuple[str, dict[str, str], bytes]]) -> dict[str, Any]:
    """How often each was told, and how many different ones these are."""
    ids = {
        email.message_from_bytes(mail.content if isinstance(mail.content, bytes) else b"")["Message-ID"]
        for mail in mails
    }
    envelopes = {(mail.mail_from, *mail.rcpt_tos) for mail in mails}
    return {
        "mails": len(mails),
        "different mails": len(ids),
        "different envelopes": len(envelopes),
        "callbacks": len(calls),
        "different callbacks": len({headers["webhook-id"] for _, headers, _ in calls}),
    }


ONCE = {
    "mails": 1, "different mails": 1, "different envelopes": 1, "callbacks": 1, "different callbacks": 1
}  # fmt: skip
TWICE = {**ONCE, "mails": 2, "callbacks": 2}


async def test_killed_before_anything_was_said(killed: Killed) -> None:
    """The end of the fax and its notices are stored, the relay has not greeted: told once."""
    async with silent(killed.relay_port, killed.program_port) as connected:
        await killed.start()
        await killed.fax(killed.faxbox)
        await until(lambda: len(set(connected)) == 2, "the gateway at both doors")
        assert killed.states() == ["pending", "pending"]
        await killed.gateway.kill()
    async with both(killed) as (sink, program):
        await killed.start()
        await killed.all_sent()
        counted = told(sink.accepted, program.got)
        print(f"killed before the greeting: {counted}; doubles: none, nothing had been said")
        assert counted == ONCE


@pytest.mark.parametrize("answered", [False, True])
async def test_killed_when_all_was_said_and_its_answer_not_stored(killed: Killed, answered: bool) -> None:
    """The mail was read whole, the program has the callback; `answered`: their answers came, and could not be stored.
    Both are told again, and whoever takes them sees that they are the same."""
    async with both(killed) as (sink, program):
        withheld = Withheld()
        sink.on_dot.append(withheld)
        program.answering.clear()
        await killed.start()
        await killed.fax(killed.faxbox)
        await until(lambda: bool(withheld.read and program.got), "both told")
        if answered:
            with closing(sqlite3.connect(killed.folder / "faxgate.db", timeout=30, isolation_level=None)) as database:
                database.execute("BEGIN IMMEDIATE")
                withheld.may.set()
                program.answering.set()
                await until(lambda: bool(sink.accepted), "the mail taken")
                await asyncio.sleep(0.5)  # the answers arrive; what cannot be stored leaves no trace to wait for
                await killed.gateway.kill()
        else:
            await killed.gateway.kill()
            program.answering.set()
        assert killed.states() == ["pending", "pending"]
        await killed.start()
        await killed.all_sent()
        mails = sink.accepted if answered else [*withheld.read, *sink.accepted]
        counted = told(mails, program.got)
        print(f"killed after the message, answered: {answered}: {counted}; doubles: what was taken, with the same ids")
        assert counted == TWICE


async def test_killed_while_it_texts(killed: Killed) -> None:
    """Before the centre has said anything: texted once. After it has the message, and before its answer: twice, in the
    same words; SMPP has no name by which it would know the second one."""
    port = free_port()
    async with silent(port) as connected:
        killed.texts_at(port)
        await killed.start()
        await killed.fax(killed.texting)
        await until(lambda: bool(connected), "the gateway at the centre")
        assert killed.states() == ["pending"]
        await killed.gateway.kill()
    async with centre("silent") as sms:
        killed.texts_at(sms.port)
        await killed.start()
        first = await sms.got("submit_sm")
        assert killed.states() == ["pending"]
        await killed.gateway.kill()
        await killed.start()
        again = await sms.got("submit_sm")
        await until(lambda: killed.states() == ["sent"], "the notice sent")
        print("killed before the centre spoke: 1 message; killed before its answer: 2, one double, in the same words")
        assert {**again, "source": first["source"]} == first
