"""The composition root: reads nothing, decides nothing, builds every part from the settings, runs and stops them.

A gateway has roles: `smtp` takes mails, `api` answers programs, `worker` prepares, dials, receives and tells. One
process has all three by default; several processes share one database.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Collection, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from admin_api.app import api
from admin_api.server import Server as HttpServer
from gateway.administration import SCOPES
from gateway.alerts import Operator
from gateway.clock import Clock
from gateway.desk import Desk
from gateway.dispatcher import Dispatcher
from gateway.errors import NotFound, OurTrouble
from gateway.fetching import Fetcher
from gateway.housekeeping import keep_house
from gateway.inbound import Inbound
from gateway.letters import TEMPLATES
from gateway.lines.freeswitch.line import freeswitch_lines
from gateway.lines.loopback import LoopbackLine
from gateway.mail import mailer_from_url
from gateway.notices import Postman
from gateway.outbound.attempt import Calling
from gateway.outbound.conclusion import Conclusion
from gateway.outbound.fetch import Fetching
from gateway.outbound.order import Orders
from gateway.outbound.paper import Templates
from gateway.outbound.prepare import Preparation
from gateway.outbound.submit import Submissions
from gateway.ports import Documents, Line, Mailer
from gateway.routing import Routing
from gateway.sandbox import PRELOAD, Sandbox
from gateway.settings import BadSettingsError, Settings, host_and_port
from gateway.spool import remove_abandoned
from gateway.storage import documents_from_url
from gateway.store import accounts, queue
from gateway.store.engine import Store
from gateway.store.wake import EVENTS, Wake
from smtp.message import Message, Options, read
from smtp.policy import Limits, Policy
from smtp.server import Server as SmtpServer
from smtp.transaction import Gateway as SmtpGateway

log = logging.getLogger(__name__)

ROLES = ("smtp", "api", "worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the running gateway is reached; ports as they are, also where 0 was asked for."""

    smtp: str = ""
    api: str = ""


class App:
    """A running gateway. `start`, then `drain` and `stop`."""

    def __init__(
        self,
        settings: Settings,
        *,
        roles: Collection[str] = ROLES,
        clock: Clock | None = None,
        lines: list[Line] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self._roles = frozenset(roles)
        self._lines = lines
        self._stack = AsyncExitStack()
        self._smtp: SmtpServer | None = None
        self._dispatcher: Dispatcher | None = None
        self._postman: asyncio.Task[None] | None = None
        self.addresses = Addresses()

    async def start(self) -> None:
        """Start every part, in the order in which they need each other. Raises OurTrouble, OSError,
        BadSettingsError, and then what was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        settings = self.settings
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = await Store.open(settings.database)
        self._stack.push_async_callback(self.store.close)
        self.wake = Wake(settings.database)
        await self.wake.start()
        self._stack.push_async_callback(self.wake.stop)
        self.store.events_written = partial(self.wake.soon, EVENTS)
        await remember_admin_token(self.store, settings, self.clock)
        self.documents = build_documents(settings)
        self.lines = build_lines(settings) if self._lines is None else self._lines
        self._mailer = build_mailer(settings)
        spool = settings.data_dir / "spool"
        spool.mkdir(exist_ok=True, mode=0o700)
        await asyncio.to_thread(remove_abandoned, spool, self.clock.now().timestamp())
        if self._roles & {"smtp", "worker", "api"}:
            self.sandbox = Sandbox(preload=(*PRELOAD, "smtp.message"))
            await self.sandbox.start()
            self._stack.push_async_callback(self.sandbox.stop)
        if self._roles & {"smtp", "api"}:
            self.submissions = Submissions(self.store, self.documents, self.wake, self.clock, settings.operator)
            await self.submissions.start()
            self._stack.push_async_callback(self.submissions.stop)
        if "worker" in self._roles:
            await self._start_worker(spool)
        if "api" in self._roles:
            await self._start_api(spool)
        if "smtp" in self._roles:
            await self._start_smtp(spool)

    async def _check_documents(self) -> None:
        """A documents folder that is not mounted looks like an empty one, and would end every queued fax."""
        async with self.store.read() as connection:
            keys = await queue.documents_waited_for(connection)
        for key in keys:
            with suppress(NotFound):
                await self.documents.open(key)
                return
        if keys:
            raise OurTrouble(
                "FAXGATE_DOCUMENTS_URL: not one of the documents that queued faxes need is there; is it mounted?"
            )

    async def _start_worker(self, spool: Path) -> None:
        settings = self.settings
        await self._check_documents()
        lease = timedelta(seconds=settings.lease_seconds)
        hostname = hostname_of(settings)
        mail_from = settings.mail_from or f"faxgate@{hostname}"
        operator = Operator(address=settings.operator, sender=mail_from, hostname=hostname)
        preparation = Preparation(
            store=self.store,
            documents=self.documents,
            sandbox=self.sandbox,
            wake=self.wake,
            clock=self.clock,
            spool=spool,
            max_pages=settings.max_pages,
            templates=Templates(TEMPLATES, settings.templates_dir),
        )
        calling = Calling(
            store=self.store,
            documents=self.documents,
            lines=self.lines,
            clock=self.clock,
            lease=lease,
            fetching=Fetching(fetcher=Fetcher(settings.fetch_allow), preparation=preparation),
            conclusion=Conclusion(
                store=self.store, lines=self.lines, wake=self.wake, clock=self.clock, operator=operator
            ),
            spool=spool,
        )
        inbound = Inbound(
            store=self.store,
            documents=self.documents,
            sandbox=self.sandbox,
            wake=self.wake,
            clock=self.clock,
            spool=spool,
            operator=operator,
        )
        dispatcher = Dispatcher(
            self.store, self.wake, self.clock, preparation, calling, lease=lease, preparing=os.cpu_count() or 1
        )
        postman = Postman(
            self.store,
            self.documents,
            self._mailer,
            self.wake,
            self.clock,
            mail_from=mail_from,
            hostname=hostname,
            lease=lease,
        )
        self._postman = asyncio.create_task(postman.run(), name="postman")
        self._stack.push_async_callback(postman.close)
        self._stack.push_async_callback(_cancelled, self._postman)
        for line in self.lines:
            await line.start(inbound, dispatcher.line_freed)
            self._stack.push_async_callback(line.stop)
            if problem := line.status().problem:
                log.error("line %s is unavailable: %s", line.name, problem)
        keeping_house = asyncio.create_task(
            keep_house(self.store, self.documents, self.clock, spool), name="housekeeping"
        )
        self._stack.push_async_callback(_cancelled, keeping_house)
        await dispatcher.start()
        self._stack.push_async_callback(dispatcher.stop)
        self._dispatcher = dispatcher

    async def _start_smtp(self, spool: Path) -> None:
        settings = self.settings
        policy = Policy(
            hostname=hostname_of(self.settings),
            spool_directory=spool,
            trusted_networks=settings.trusted,
            limits=Limits(
                size=settings.smtp_max_size,
                recipients=settings.smtp_max_recipients,
                pages=settings.max_pages,
                connections=settings.smtp_max_connections,
                connections_per_peer=settings.smtp_max_connections_per_peer,
                idle_seconds=settings.smtp_idle_seconds,
            ),
        )
        gateway = SmtpGateway(
            routing=Routing(self.store, self.wake, self.clock),
            submissions=self.submissions,
            parse=self._parse,
            parse_slowly=self._parse_slowly,
        )
        host, port = host_and_port(settings.smtp_listen)
        server = SmtpServer(policy, gateway)
        try:
            await server.start(host, port)
        except OSError as error:
            raise OurTrouble(f"FAXGATE_SMTP_LISTEN: cannot listen on {host}:{port}: {error.strerror}") from error
        self._smtp = server
        self._stack.push_async_callback(server.stop)
        self.addresses = replace(self.addresses, smtp=f"{host}:{server.port}")
        log.info("SMTP on %s", self.addresses.smtp)

    async def _parse(self, content: bytes | Path, options: Options) -> Message:
        return await self.sandbox.quick(read, content, options)

    async def _parse_slowly(self, content: bytes | Path, options: Options) -> Message:
        return await self.sandbox.run(read, content, options)

    async def _start_api(self, spool: Path) -> None:
        host, port = host_and_port(self.settings.api_listen)
        orders = Orders(
            store=self.store,
            documents=self.documents,
            submissions=self.submissions,
            sandbox=self.sandbox,
            clock=self.clock,
            spool=spool,
            max_pages=self.settings.max_pages,
        )
        server = HttpServer(
            api(
                self.store,
                self.documents,
                self.clock,
                wake=self.wake,
                lines=self.lines,
                sandbox=self.sandbox,
                orders=orders,
            )
        )
        try:
            await server.start(host, port)
        except OSError as error:
            raise OurTrouble(f"FAXGATE_API_LISTEN: cannot listen on {host}:{port}: {error.strerror}") from error
        self._stack.push_async_callback(server.stop)
        self.addresses = replace(self.addresses, api=f"{host}:{server.port}")
        log.info("API on http://%s", self.addresses.api)

    async def drain(self) -> None:
        """Take no more mails, claim no more faxes, and wait until the running calls have ended."""
        if self._smtp is not None:
            await self._smtp.stop()
        if self._dispatcher is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.drain_seconds):
                    await self._dispatcher.drain()

    async def hang_up(self) -> None:
        """End the running calls now."""
        if self._dispatcher is not None:
            await self._dispatcher.hang_up()

    async def stop(self) -> None:
        """Stop everything, in the opposite order; calls that still run are hung up."""
        await self.hang_up()
        await self._stack.aclose()


async def open_desk(settings: Settings) -> Desk:
    """The operator's desk on the database that the settings name. Raises OurTrouble, BadSettingsError."""
    clock = Clock()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    documents = build_documents(settings)
    store = await Store.open(settings.database)
    await remember_admin_token(store, settings, clock)
    wake = Wake(settings.database)
    await wake.start()
    store.events_written = partial(wake.soon, EVENTS)
    return Desk(store, wake, documents, clock)


def build_documents(settings: Settings) -> Documents:
    """The store that `FAXGATE_DOCUMENTS_URL` names. Raises BadSettingsError."""
    with _named("FAXGATE_DOCUMENTS_URL"):
        return documents_from_url(settings.documents, settings.data_dir / "cache")


def build_mailer(settings: Settings) -> Mailer:
    """Where our mails leave, as `FAXGATE_MAIL_URL` names it. Raises BadSettingsError."""
    with _named("FAXGATE_MAIL_URL"):
        return mailer_from_url(settings.mail, hostname=hostname_of(settings))


def build_lines(settings: Settings) -> list[Line]:
    """The lines that `FAXGATE_LINES` names. Raises BadSettingsError."""
    folder = settings.data_dir / "lines"
    with _named("FAXGATE_LINES"):
        schemes = {urlsplit(url).scheme for url in settings.lines}
        if unknown := schemes - {"loopback", "freeswitch"}:
            raise ValueError(
                f"{', '.join(sorted(unknown)) or 'nothing'}: is unknown; take loopback:// or freeswitch://"
            )
        if "loopback" in schemes:
            return [LoopbackLine.from_url(url, folder / "loopback") for url in settings.lines]
        freeswitches = freeswitch_lines(settings.lines, folder / "freeswitch")
        own = (settings.data_dir / "spool").absolute()
        if any(line.options.spool.is_relative_to(own) for line in freeswitches):
            raise ValueError(f"freeswitch line: spool: {own} is the gateway's own, which it cleans up; name another")
        return [*freeswitches]


def hostname_of(settings: Settings) -> str:
    return settings.smtp_hostname or socket.getfqdn()


async def remember_admin_token(store: Store, settings: Settings, clock: Clock) -> str:
    """The superuser's token: the operator's, or one made at the first start and kept in the data dir, readable by
    its owner alone."""
    given = settings.admin_token.get_secret_value()
    kept = settings.data_dir / "admin_token"
    if not given and kept.exists():
        given = kept.read_text().strip()
    if not given:
        given = secrets.token_hex(32)
        kept.touch(mode=0o600)
        kept.write_text(given + "\n")
    async with store.begin() as connection:
        if await accounts.token(connection, given, clock.now()) is None:
            await accounts.add_token(connection, given, None, SCOPES, clock.now())
    return given


@contextmanager
def _named(variable: str) -> Iterator[None]:
    """A value that a part cannot use is reported under the name of its setting."""
    try:
        yield
    except ValueError as error:
        raise BadSettingsError(f"{variable}: {error}") from error


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
