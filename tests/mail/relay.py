"""A relay for tests: a real SMTP server that accepts, refuses, delays, drops and hangs as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("localhost", "127.0.0.1")
Answer = Callable[[SMTP], Awaitable[str]]


def says(reply: str) -> Answer:
    async def answer(server: SMTP) -> str:
        return reply

    return answer


def transport(server: SMTP) -> asyncio.WriteTransport:
    assert isinstance(server.transport, asyncio.WriteTransport)
    return server.transport


async def drops(server: SMTP) -> str:
    transport(server).abort()
    return "250 never seen"


class Slow:
    """Final dots that are answered when they may be."""

    def __init__(self) -> None:
        self.waiting = 0
        self._changed = asyncio.Condition()
        self._over = asyncio.Event()

    async def __call__(self, server: SMTP) -> str:
        async with self._changed:
            self.waiting += 1
            self._changed.notify_all()
        await self._over.wait()
        return "250 2.0.0 queued as 2"

    async def are(self, mails: int) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: self.waiting == mails)

    def answer(self) -> None:
        self._over.set()


class Full(asyncio.Protocol):
    """A server that has too many connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.7.0 relay.example Error: too many connections\r\n")
        transport.close()


class Reporting(SMTP):
    """One that knows RFC 3461, of which aiosmtpd does not."""

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        sink = self.event_handler
        assert isinstance(sink, Sink)
        assert arg
        if sink.reports:
            arg, returned, what = arg.partition(" RET=")
            sink.returned.append(what if returned else "")
        await super().smtp_MAIL(arg)


class Sink:
    """An SMTP server with a script for RCPT and one for the final dot; keeps what it accepted."""

    def __init__(self) -> None:
        self.most = 100
        """Connections that it takes at a time."""
        self.turned_away = 0
        self.quits = 0
        self.on_rcpt: list[str] = []
        self.on_dot: list[Answer] = []
        self.accepted: list[Envelope] = []
        self.tls: list[bool] = []
        self.users: list[str] = []
        self.reports = False
        """Whether it offers DSN."""
        self.returned: list[str] = []
        """What of each mail a report would return, as MAIL asked for (RFC 3461 4.3)."""
        self.connections = 0
        self.port = 0
        self.servers: list[SMTP] = []

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *["250-DSN"] * self.reports, *responses[1:]]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.on_rcpt.pop(0) if self.on_rcpt else "250 OK"
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = await self.on_dot.pop(0)(server) if self.on_dot else "250 2.0.0 queued as 1"
        if reply.startswith("250 2.0.0"):
            self.accepted.append(envelope)
            self.tls.append(transport(server).get_extra_info("sslcontext") is not None)
        return reply

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.quits += 1
        return "221 Bye"

    def live(self) -> list[SMTP]:
        return [one for one in self.servers if one.transport is not None and not one.transport.is_closing()]

    async def only(self, connections: int) -> None:
        """Wait until no more are open."""
        async with asyncio.timeout(5):
            while len(self.live()) > connections:  # noqa: ASYNC110  # aiosmtpd has no event for it
                await asyncio.sleep(0.01)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.users.append(f"{data.login.decode()}:{data.password.decode()}")
        return AuthResult(success=data.password == b"p@ss/w:rd", handled=False)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?timeout=5"


@asynccontextmanager
async def relay(*, port: int = 0, tls: bool = False, starttls: bool = False, **options: Any) -> AsyncIterator[Sink]:
    sink = Sink()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    loop = asyncio.get_running_loop()

    def accept() -> asyncio.Protocol:
        if len(sink.live()) >= sink.most:
            sink.turned_away += 1
            return Full()
        sink.connections += 1
        server = Reporting(
            sink,
            loop=loop,
            hostname="relay.example",
            tls_context=context if starttls else None,
            authenticator=sink.authenticate,
            **options,
        )
        sink.servers.append(server)
        return server

    listening = await loop.create_server(accept, "127.0.0.1", port, ssl=context if tls else None)
    sink.port = listening.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        listening.close()
        for server in sink.live():
            transport(server).abort()  # Python before 3.11.4 fails where TLS has closed it already
        await listening.wait_closed()
        await asyncio.sleep(0)
