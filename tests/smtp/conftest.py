"""The real listener with what stands behind it written for the test: two accounts in memory, and a list of mails."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.accounts import Account, Faxbox
from gateway.bounces import BounceAddresses
from gateway.clock import Clock
from gateway.errors import NotFound, OurTrouble, UnknownDomain
from gateway.numbers import to_e164
from gateway.outbound.submission import Submission
from gateway.resolver import Answer
from gateway.routing import BounceRoute, FaxRoute, FaxTarget, OperatorRoute
from gateway.smtplog import SmtplogEntry
from smtp.logins import Logins
from smtp.message import Message, Options, read
from smtp.policy import Limits, Policy, Relay
from smtp.proving import Dns, Prover, Workers
from smtp.server import Server
from smtp.tls import Certificate
from smtp.transaction import Gateway, Parse
from tests.smtp.here import Here

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
ACME = Account(id="acme", name="Acme", created_at=WHEN, domains=("fax.example.com",))
UMBRELLA = Account(id="umbrella", name="Umbrella", created_at=WHEN, domains=("fax.example.net",), country="DE")
ACME_BOX = Faxbox(id="acme-box", account_id="acme", name="Office", created_at=WHEN, permits=("@example.com",))
TEXT_BOX = Faxbox(
    id="text-box",
    account_id="acme",
    name="Texts",
    created_at=WHEN,
    permits=("@example.com",),
    address_domain="text.example.com",
    body_as_page=True,
)
UMBRELLA_BOX = Faxbox(
    id="umbrella-box", account_id="umbrella", name="Lab", created_at=WHEN, permits=("alice@example.com",)
)
OPEN_BOX = Faxbox(id="open-box", account_id="acme", name="Everybody", created_at=WHEN, permits=(".*",))
SERVED = {
    "open.example.com": (ACME, [OPEN_BOX]),
    "fax.example.com": (ACME, [ACME_BOX]),
    "text.example.com": (ACME, [TEXT_BOX]),
    "fax.example.net": (UMBRELLA, [UMBRELLA_BOX]),
}

BOUNCES = BounceAddresses(domain="bounces.example", key=b"a key")


class InMemoryRouting:
    """Routes as the gateway does, from a table. The domain `trouble.example` is a database that does not answer."""

    def __init__(self, served: Mapping[str, tuple[Account, list[Faxbox]]] = SERVED) -> None:
        self.served = served
        self.broken = False

    async def owner(self, domain: str) -> Account | None:
        return self.served[domain][0] if domain in self.served else None

    async def route(self, local: str, domain: str) -> FaxTarget | OperatorRoute | BounceRoute:
        if domain == "trouble.example":
            raise OurTrouble("The addresses cannot be looked up now, try again later.", detail="no database")
        if domain == "bug.example":
            raise RuntimeError("a bug")
        if domain == BOUNCES.domain:
            if (notice_id := BOUNCES.notice_of(local)) is None:
                raise NotFound("There is no such address.")
            return BounceRoute(notice_id=notice_id)
        if domain not in self.served:
            raise UnknownDomain(f"{domain} is not served here.")
        account, boxes = self.served[domain]
        if local.lower() == "postmaster":
            return OperatorRoute(account=account, address=f"{local}@{domain}")
        destination = to_e164(local, account.country)
        return FaxTarget(account=account, boxes=tuple(boxes), number=local, destination=destination)


@dataclass
class RecordingSubmissions:
    """Keeps what it is given. `held` makes it slow, `broken` makes it fail."""

    submitted: list[Submission] = field(default_factory=list)
    recorded: list[SmtplogEntry] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    held: bool = False
    broken: bool = False
    spooled: list[bytes] = field(default_factory=list)

    async def submit(self, submission: Submission) -> None:
        self.begun.set()
        if self.held:
            await self.released.wait()
        if self.broken:
            raise OurTrouble("The mail cannot be stored now, try again later.", detail="disk full")
        self.spooled += [
            document.content.read_bytes() for document in submission.documents if isinstance(document.content, Path)
        ]
        assert submission.entry
        submission.entry.fax_ids = [f"fax-{route.destination}" for route in submission.routes]
        self.submitted.append(submission)

    async def check_room(self, route: FaxRoute, spender: str) -> None:
        pass

    async def record(self, entry: SmtplogEntry) -> None:
        self.recorded.append(entry)

    @property
    def entries(self) -> list[SmtplogEntry]:
        return [submission.entry for submission in self.submitted if submission.entry] + self.recorded


class NoDns:
    """A DNS in which nobody has published anything."""

    async def look_up(self, name: str, kind: str) -> Answer:
        return Answer()


async def parse_in_thread(content: bytes | Path, options: Options) -> Message:
    return await asyncio.to_thread(read, content, options)


class Client:
    """A raw SMTP client: says octets, hears replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, octets: bytes | str) -> None:
        self.writer.write(octets if isinstance(octets, bytes) else octets.encode())

    async def hear(self) -> str:
        """One reply, all its lines; empty when the server has closed."""
        lines = []
        while True:
            try:
                line = (await asyncio.wait_for(self.reader.readline(), 20)).decode()
            except ConnectionError:
                line = ""
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    async def ask(self, line: bytes | str) -> str:
        self.say(line + b"\r\n" if isinstance(line, bytes) else line + "\r\n")
        return await self.hear()

    async def envelope(self, *recipients: str, sender: str = "alice@example.com") -> None:
        assert (await self.ask(f"MAIL FROM:<{sender}>")).startswith("250")
        for recipient in recipients or ("+15551234567@fax.example.com",):
            assert (await self.ask(f"RCPT TO:<{recipient}>")).startswith("250")

    async def send(self, mail: bytes, *recipients: str) -> str:
        """One mail; the reply to its end."""
        await self.envelope(*recipients)
        assert (await self.ask("DATA")).startswith("354")
        self.say(mail.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return await self.hear()

    def close(self) -> None:
        self.writer.close()


@dataclass
class Door:
    server: Server
    routing: InMemoryRouting
    submissions: RecordingSubmissions
    spool: Path
    clients: list[Client] = field(default_factory=list)

    async def connect(self, host: str = "127.0.0.1") -> Client:
        """A connection from one of the addresses of loopback, before the greeting is read."""
        local = (host, 0)
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port, limit=1 << 22, local_addr=local))
        self.clients.append(client)
        return client

    async def greeted(self, host: str = "127.0.0.1", *, hello: str = "EHLO client.example") -> Client:
        client = await self.connect(host)
        assert (await client.hear()).startswith("220 ")
        assert (await client.ask(hello)).startswith("250")
        return client

    async def until_all_left(self) -> None:
        await asyncio.gather(*[session.task for session in self.server.sessions if session.task])


@asynccontextmanager
async def running(
    spool: Path,
    limits: Limits,
    trusted: str = "127.0.0.0/8",
    parse: Parse = parse_in_thread,
    parse_slowly: Parse = parse_in_thread,
    certificate: Certificate | None = None,
    *,
    tls_required: bool = False,
    logins: Logins | None = None,
    proxies: str = "",
    served: Mapping[str, tuple[Account, list[Faxbox]]] = SERVED,
    relays: tuple[Relay, ...] = (),
    dns: Dns | None = None,
    workers: Workers | None = None,
) -> AsyncIterator[Door]:
    """The listener on a port of its own."""
    policy = Policy(
        hostname="mx.example.com",
        spool_directory=spool,
        trusted_networks=tuple(ipaddress.ip_network(word) for word in trusted.split()),
        proxies=tuple(ipaddress.ip_network(word) for word in proxies.split()),
        limits=limits,
        tls_required=tls_required,
        trusted_relays=relays,
    )
    routing, submissions = InMemoryRouting(served), RecordingSubmissions()
    gateway = Gateway(routing, submissions, parse, parse_slowly, Prover(workers or Here(), dns or NoDns(), Clock()))
    server = Server(policy, gateway, certificate, logins)
    await server.start("127.0.0.1", 0)
    door = Door(server, routing, submissions, spool)
    try:
        yield door
    finally:
        submissions.released.set()
        for client in door.clients:
            client.close()
        await server.stop(5)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with running(tmp_path / "spool", Limits()) as opened:
        yield opened


@pytest.fixture
async def client(door: Door) -> Client:
    return await door.greeted()
