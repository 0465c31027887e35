"""The composition root: reads nothing, decides nothing, builds every part from the settings, runs and stops them.

A gateway has roles: `smtp` takes mails, `api` answers programs, `worker` prepares, dials, receives and tells. One
process has all three by default; several processes share one database.
"""

import asyncio
import logging
import os
from collections.abc import Collection
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from admin_api.app import api
from admin_api.server import Server as HttpServer
from gateway.alerts import Operator
from gateway.bounces import BounceAddresses
from gateway.building import (
    build_documents,
    build_lines,
    build_mailer,
    build_texter,
    hostname_of,
    remember_admin_token,
    sender_of,
)
from gateway.callbacks import HttpCallbacks
from gateway.clock import Clock
from gateway.credentials import Credentials
from gateway.dispatcher import Dispatcher
from gateway.documents.installed import about_office
from gateway.enclosures import Enclosures
from gateway.errors import NotFound, OurTrouble
from gateway.fetching import Fetcher
from gateway.housekeeping import keep_house
from gateway.inbound import Inbound
from gateway.junk import Digests
from gateway.lateness import watch_for_late
from gateway.outbound.attempt import Calling
from gateway.outbound.conclusion import Conclusion
from gateway.outbound.fetch import Fetching
from gateway.outbound.order import Orders
from gateway.outbound.prepare import Preparation
from gateway.outbound.preview import Previews
from gateway.outbound.submit import Submissions
from gateway.ports import Line
from gateway.postman import Postman
from gateway.resolver import Resolver
from gateway.routing import Routing
from gateway.sandbox import PRELOAD, Sandbox
from gateway.settings import ROLES, BadSettingsError, Settings, host_and_port
from gateway.spool import remove_abandoned
from gateway.stationery import Templates
from gateway.store import keys, queue
from gateway.store.engine import Store
from gateway.store.wake import EVENTS, Wake
from smtp.logins import Logins
from smtp.message import Message, Options, read
from smtp.policy import Door, Limits, Policy, Relay
from smtp.proving import Prover
from smtp.server import Server as SmtpServer
from smtp.tls import BadCertificateError, Certificate
from smtp.transaction import Gateway as SmtpGateway
from smtp.workers import SandboxedWorkers

log = logging.getLogger(__name__)

SMTP_PRELOAD = ("smtp.message", "smtp.claims", "smtp.dkim", "smtp.spf")
"""Modules that worker processes read mails with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the running gateway is reached; ports as they are, also where 0 was asked for."""

    smtp: str = ""
    smtps: str = ""
    lmtp: str = ""
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
        sandbox: Sandbox | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self._roles = frozenset(roles)
        self._lines = lines
        self.sandbox = sandbox or Sandbox(preload=(*PRELOAD, *SMTP_PRELOAD))
        self._stack = AsyncExitStack()
        self._smtp: SmtpServer | None = None
        self._dispatcher: Dispatcher | None = None
        self._postman: asyncio.Task[None] | None = None
        hostname = hostname_of(settings)
        self._operator = Operator(address=settings.operator, sender=sender_of(settings), hostname=hostname)
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
        certificate = build_certificate(settings) if "smtp" in self._roles else None
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.store = await Store.open(settings.database)
        self._stack.push_async_callback(self.store.close)
        self.wake = Wake(settings.database)
        await self.wake.start()
        self._stack.push_async_callback(self.wake.stop)
        self.store.events_written = partial(self.wake.soon, EVENTS)
        await remember_admin_token(self.store, settings, self.clock)
        self._bounces = await self._bounce_addresses()
        self.documents = build_documents(settings)
        self.lines = build_lines(settings) if self._lines is None else self._lines
        self._mailer = build_mailer(settings)
        self._texter = build_texter(settings)
        spool = settings.data_dir / "spool"
        spool.mkdir(exist_ok=True, mode=0o700)
        await asyncio.to_thread(remove_abandoned, spool, self.clock.now().timestamp())
        if self._roles & {"smtp", "worker", "api"}:
            await self.sandbox.start()
            self._stack.push_async_callback(self.sandbox.stop)
            well, text = about_office()
            log.log(logging.INFO if well else logging.WARNING, "LibreOffice: %s", text)
        if self._roles & {"smtp", "api"}:
            self.submissions = Submissions(self.store, self.documents, self.wake, self.clock, self._operator)
            await self.submissions.start()
            self._stack.push_async_callback(self.submissions.stop)
        if "worker" in self._roles:
            await self._start_worker(spool)
        if "api" in self._roles:
            await self._start_api(spool)
        if "smtp" in self._roles:
            await self._start_smtp(spool, certificate)

    async def _bounce_addresses(self) -> BounceAddresses | None:
        if not self.settings.bounce_domain:
            return None
        async with self.store.begin() as connection:
            key = await keys.key(connection, keys.BOUNCES)
        return BounceAddresses(domain=self.settings.bounce_domain, key=key)

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
        operator = self._operator
        fetching = self._fetching(spool)
        calling = Calling(
            store=self.store,
            documents=self.documents,
            lines=self.lines,
            clock=self.clock,
            lease=lease,
            fetching=fetching,
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
            self.store, self.wake, self.clock, fetching.preparation, calling, lease=lease, preparing=os.cpu_count() or 1
        )
        postman = Postman(
            self.store,
            Enclosures(self.documents, self.sandbox, settings.public_url),
            self._mailer,
            self._texter,
            HttpCallbacks(settings.fetch_allow),
            self.wake,
            self.clock,
            mail_from=operator.sender,
            hostname=operator.hostname,
            lease=lease,
            bounces=self._bounces,
            operator=settings.operator,
            templates=Templates(override=settings.templates_dir),
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
        digests = Digests(
            store=self.store,
            wake=self.wake,
            clock=self.clock,
            templates=Templates(override=settings.templates_dir),
            mail_from=operator.sender,
            hostname=operator.hostname,
            public_url=settings.public_url,
        )
        self._stack.push_async_callback(_cancelled, asyncio.create_task(digests.run(), name="digests of junk"))
        if settings.tell_after_seconds:
            after = timedelta(seconds=settings.tell_after_seconds)
            watching = asyncio.create_task(watch_for_late(self.store, self.wake, self.clock, after), name="lateness")
            self._stack.push_async_callback(_cancelled, watching)
        await dispatcher.start()
        self._stack.push_async_callback(dispatcher.stop)
        self._dispatcher = dispatcher

    def _fetching(self, spool: Path) -> Fetching:
        settings = self.settings
        preparation = Preparation(
            store=self.store,
            documents=self.documents,
            sandbox=self.sandbox,
            wake=self.wake,
            clock=self.clock,
            spool=spool,
            max_pages=settings.max_pages,
            templates=Templates(override=settings.templates_dir),
        )
        return Fetching(fetcher=Fetcher(settings.fetch_allow), preparation=preparation)

    async def _start_smtp(self, spool: Path, certificate: Certificate | None) -> None:
        settings = self.settings
        policy = smtp_policy(settings, spool)
        gateway = SmtpGateway(
            routing=Routing(self.store, self.wake, self.clock, self._bounces),
            submissions=self.submissions,
            parse=self._parse,
            parse_slowly=self._parse_slowly,
            prover=Prover(SandboxedWorkers(self.sandbox), Resolver(settings.dns), self.clock),
        )
        logins = Logins(Credentials(self.store, self.clock))
        server = SmtpServer(policy, gateway, certificate, logins)
        self._stack.push_async_callback(server.stop)
        smtp = await self._listen(server, "FAXGATE_SMTP_LISTEN", settings.smtp_listen, Door.SMTP)
        smtps = await self._listen(server, "FAXGATE_SMTPS_LISTEN", settings.smtps_listen, Door.SMTPS)
        lmtp = await self._listen(server, "FAXGATE_LMTP_LISTEN", settings.lmtp_listen, Door.LMTP)
        self._smtp = server
        self.addresses = replace(self.addresses, smtp=smtp, smtps=smtps, lmtp=lmtp)

    async def _listen(self, server: SmtpServer, variable: str, address: str, door: Door) -> str:
        if not address:
            return ""
        host, port = host_and_port(address)
        try:
            port = await server.start(host, port, door)
        except OSError as error:
            raise OurTrouble(f"{variable}: cannot listen on {host}:{port}: {error.strerror}") from error
        log.info("%s on %s:%d", door, host, port)
        return f"{host}:{port}"

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
                previews=Previews(orders=orders, fetching=self._fetching(spool)),
                templates=Templates(override=self.settings.templates_dir),
            ),
            patience=self.settings.api_idle_seconds,
            connections=self.settings.api_max_connections,
            connections_per_peer=self.settings.api_max_connections_per_peer,
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


def smtp_policy(settings: Settings, spool: Path) -> Policy:
    """What the SMTP door allows."""
    return Policy(
        hostname=hostname_of(settings),
        spool_directory=spool,
        trusted_networks=settings.trusted,
        trusted_relays=tuple(Relay(network, name) for network, name in settings.trusted_relays),
        proxies=settings.proxy_protocol_from,
        tls_required=settings.smtp_tls == "require",
        limits=Limits(
            size=settings.smtp_max_size,
            recipients=settings.smtp_max_recipients,
            pages=settings.max_pages,
            connections=settings.smtp_max_connections,
            connections_per_peer=settings.smtp_max_connections_per_peer,
            idle_seconds=settings.smtp_idle_seconds,
        ),
    )


def build_certificate(settings: Settings) -> Certificate | None:
    """The SMTP listener's. Raises BadSettingsError."""
    if settings.smtp_tls_cert is None:
        return None
    try:
        return Certificate(settings.smtp_tls_cert, settings.smtp_tls_key)
    except BadCertificateError as error:
        raise BadSettingsError(f"FAXGATE_SMTP_TLS_CERT, FAXGATE_SMTP_TLS_KEY: {error}") from error


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
