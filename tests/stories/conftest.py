"""A house for the stories: a whole gateway in this process, with everything in it real.

The one thing that is scripted is the far fax machine (`ScriptedLine`), and even it speaks T.30.
"""

import asyncio
import email
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.accounts import Account, Faxbox
from gateway.administration import Administration
from gateway.app import SMTP_PRELOAD, App
from gateway.audit import AuditEntry
from gateway.fax import Attempt, CallResult, Direction, Fax, Progress, Status
from gateway.lines.loopback import LoopbackLine
from gateway.ports import CallOrder, CallRecord, LineStatus
from gateway.sandbox import PRELOAD, Sandbox
from gateway.settings import read
from gateway.smtplog import SmtplogEntry
from gateway.store import attempts, audit, smtplog
from gateway.store.listing import Window
from tests.conftest import MovedClock
from tests.documents import papers
from tests.reading import all_faxes
from tests.warm import WarmServers

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which a story that does not go on has failed."""

FAX_MACHINE, BUSY = "+12025550190", "+12025550191"


class ScriptedLine(LoopbackLine):
    """A telephone line whose far ends are played in the order of a script: each call goes to the next number, or has
    the next result."""

    script: list[str | CallResult]
    orders: list[CallOrder]
    """What it was asked to call."""
    hang_up_after: int | None = None
    """The page after which the sender's call is hung up."""
    settled: CallRecord | None = None
    """What the line says of a call in doubt."""
    asked = 0
    followed: "asyncio.Future[CallResult] | None" = None
    """How a call ends that is followed."""
    follows: list[tuple[str, int]]
    """The calls that are followed: id, pages."""
    forgotten: list[str]
    calls = 0
    down = ""
    """Why the trunk is down, in FreeSWITCH's words."""
    held = False
    """A call has found it so: the line gets no other until it is back."""

    def back(self) -> None:
        """The trunk is back."""
        self.down, self.held = "", False
        self._freed()

    def status(self) -> LineStatus:
        status = super().status()
        return replace(status, available=False, free=0, problem=self.down) if self.held else status

    async def settle(self, call_id: str) -> CallRecord:
        self.asked += 1
        return self.settled or await super().settle(call_id)

    async def follow(self, call_id: str, pages: int, progress: Callable[[Progress], None]) -> CallResult:
        self.follows.append((call_id, pages))
        if self.followed is None:
            return await super().follow(call_id, pages, progress)
        self.tell = progress
        return await self.followed

    async def forget(self, call_id: str) -> None:
        self.forgotten.append(call_id)
        await super().forget(call_id)

    async def call(self, order: CallOrder, progress: Callable[[Progress], None]) -> CallResult:
        def watched(live: Progress) -> None:
            progress(live)
            if live.stage == "page" and live.page == self.hang_up_after:
                self._hanging_up = asyncio.create_task(self.hang_up(order.call_id))

        self.calls += 1
        if self.down:
            self.held = True
            return CallResult(success=False, answered=False, total_pages=order.pages, hangup_cause=self.down)
        self.orders.append(order)
        number = self.script.pop(0) if self.script else order.number
        if isinstance(number, CallResult):
            return replace(number, total_pages=order.pages)
        return await super().call(replace(order, number=number), watched)


def scripted(url: str, directory: Path) -> ScriptedLine:
    line = ScriptedLine.from_url(url, directory)
    assert isinstance(line, ScriptedLine)
    line.script, line.orders, line.follows, line.forgotten = [], [], [], []
    return line


@dataclass
class House:
    app: App
    clock: MovedClock
    line: ScriptedLine
    spare: ScriptedLine
    """A second line, which no call takes that the first one could."""
    account: Account
    alice: Faxbox
    bob: Faxbox
    mailbox: Path

    async def send(
        self,
        mail: EmailMessage | bytes,
        *recipients: str,
        sender: str = "alice@example.com",
        peer: str = "127.0.0.1",
    ) -> None:
        """Mail with a real SMTP client, from one of the addresses of loopback. Raises what smtplib raises when the
        server refuses."""
        octets = mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP)

        def with_client() -> None:
            host, _, port = self.app.addresses.smtp.rpartition(":")
            with smtplib.SMTP(host, int(port), timeout=PATIENCE, source_address=(peer, 0)) as client:
                client.sendmail(sender, [f"{to}@fax.example.com" for to in recipients], octets)

        await asyncio.to_thread(with_client)

    async def faxes(self, direction: Direction = Direction.OUTBOUND) -> list[Fax]:
        """All faxes of the account, the oldest first."""
        async with self.app.store.read() as connection:
            return await all_faxes(connection, self.account.id, direction)

    async def fax(self, status: Status, direction: Direction = Direction.OUTBOUND) -> Fax:
        """Wait for the one fax of the account to get there."""

        async def found() -> Fax | None:
            return next((fax for fax in await self.faxes(direction) if fax.status is status), None)

        return await self.until(found, f"a fax that is {status}")

    async def calls(self, fax: Fax) -> list[Attempt]:
        async with self.app.store.read() as connection:
            return list(await attempts.of_fax(connection, fax.id))

    async def smtplog(self) -> list[SmtplogEntry]:
        async with self.app.store.read() as connection:
            return await smtplog.page(connection, self.account.id)

    async def audit(self, kind: str = "fax") -> list[AuditEntry]:
        """What is in the audit log of such objects, the oldest first."""
        async with self.app.store.read() as connection:
            found = await audit.page(connection, self.account.id, Window(ascending=True))
        return [entry for entry in found if entry.object == kind]

    async def mail(self, to: str, subject: str = "") -> EmailMessage:
        """Wait for the mail that this person gets, whose subject begins so."""

        async def found() -> EmailMessage | None:
            return next(
                (mail for mail in self.mails() if to in mail["To"] and mail["Subject"].startswith(subject)), None
            )

        return await self.until(found, f"a mail to {to}")

    def mails(self) -> list[EmailMessage]:
        return [email.message_from_bytes(file.read_bytes(), policy=default) for file in self.mailbox.glob("new/*")]

    async def until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Look until there is something to see."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while (found := await look()) is None:
            assert asyncio.get_running_loop().time() < deadline, f"never saw {what}"
            await asyncio.sleep(0.02)
        return found

    async def later(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def lines_url(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "loopback://?pace=fast"))


@pytest.fixture
def bounce_domain() -> str:
    return ""


@pytest.fixture
def settings_beside() -> dict[str, object]:
    """More settings of the house."""
    return {}


@pytest.fixture
def sandbox(warm: WarmServers) -> Sandbox:
    return Sandbox(preload=(*PRELOAD, *SMTP_PRELOAD), boot=warm.boot)


@pytest.fixture
async def house(
    tmp_path: Path,
    database_url: str,
    clock: MovedClock,
    lines_url: str,
    bounce_domain: str,
    settings_beside: dict[str, object],
    sandbox: Sandbox,
) -> AsyncIterator[House]:
    settings = read(
        data_dir=tmp_path,
        database_url=database_url,
        smtp_listen="127.0.0.1:0",
        api_listen="127.0.0.1:0",
        smtp_hostname="fax.example.com",
        fetch_allow="127.0.0.0/8",
        bounce_domain=bounce_domain,
        public_url="https://fax.example.com/",
        **settings_beside,
    )
    line, spare = scripted(lines_url, tmp_path / "lines"), scripted("loopback://?channels=1", tmp_path / "spare")
    spare.name = "spare"
    app = App(settings, clock=clock, lines=[line, spare], sandbox=sandbox)
    await app.start()
    administration = Administration(app.store, app.wake, clock)
    account, _ = await administration.add_account("Practice", domains=["fax.example.com"], timezone="Europe/Paris")
    alice = await administration.add_faxbox(
        account.id,
        "Alice",
        numbers=["+12025550101"],
        permits=["alice@example.com"],
        inbound_email=["alice@example.com"],
        fax_header="The Practice",
    )
    bob = await administration.add_faxbox(
        account.id, "Bob", numbers=["+12025550102"], permits=["@bob.example.com"], inbound_email=["bob@example.com"]
    )
    yield House(app, clock, line, spare, account, alice, bob, tmp_path / "mail")
    await app.stop()


@pytest.fixture
def letter() -> EmailMessage:
    """A mail as a clerk writes it: a line of text and a PDF of two pages."""
    mail = EmailMessage()
    mail["From"] = "Alice <alice@example.com>"
    mail["To"] = "fax"
    mail["Subject"] = "The minutes"
    mail["Message-ID"] = "<minutes@example.com>"
    mail.set_content("Please find the minutes attached.")
    mail.add_attachment(papers.letter(pages=2), maintype="application", subtype="pdf", filename="minutes.pdf")
    return mail
