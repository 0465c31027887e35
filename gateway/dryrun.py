"""`faxgate check`: what would become of a mail, decided by the very code that decides, with nothing stored or sent.

The mail itself is read in worker processes, as those that come in are; the DNS is asked.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from sqlalchemy import Connection

from gateway.accounts import permitted_box
from gateway.app import SMTP_PRELOAD, smtp_policy
from gateway.clock import Clock
from gateway.desk import Desk
from gateway.errors import BadAddress, BadField, FaxgateError, NotPermitted
from gateway.fax import DsnRequest
from gateway.outbound.submission import Submission, faxes_of
from gateway.outbound.submit import Submissions
from gateway.resolver import Resolver
from gateway.routing import FaxRoute, FaxTarget, Routing
from gateway.sandbox import Sandbox
from gateway.sending import submissions
from gateway.settings import Settings
from gateway.smtplog import SmtplogEntry
from gateway.spending import Excess, LimitPassed, Standing
from gateway.store.engine import Store
from gateway.store.ledger import Ledger
from smtp import admission, replies
from smtp.addresses import Address, BadSyntaxError, check_sender, read_argument
from smtp.client import Client
from smtp.evidence import Claims
from smtp.message import Message, Options, read
from smtp.policy import Policy
from smtp.proving import Prover
from smtp.recipients import NOT_PROVEN_YET
from smtp.senders import Addressed, TurnedAway
from smtp.transaction import Gateway, Transaction
from smtp.workers import SandboxedWorkers

NO_PEER = "local"
"""Stands for a server that nobody knows: it is in no network, and no SPF record names it."""
NO_MAIL = "the mail itself was not given (--file), so that no signature could be seen"
ITSELF = (
    "the mail has to prove its sender: by SPF of the server that brings it (--peer), or by its DKIM signature (--file)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    sender: str
    recipient: str
    peer: str = ""
    """Its IP address."""
    tls: bool = False
    file: Path | None = None
    """The mail, as it would come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    words: str
    most: int
    spent: int


@dataclass(slots=True, kw_only=True)
class Verdict:
    reply: str
    """What the client would hear: to RCPT where that is refused, else to the mail."""
    why: str = ""
    """As the smtplog has it."""
    account: str = ""
    faxbox: str = ""
    faxbox_id: str = ""
    number: str = ""
    told: str = ""
    """Who would get the receipt."""
    documents: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)

    @property
    def would_be_sent(self) -> bool:
        return self.reply.startswith("250")

    def lines(self) -> list[str]:
        """For people."""
        shown = [f"{'WOULD BE SENT' if self.would_be_sent else 'WOULD BE REFUSED'}: {self.reply}"]
        for name, text in (
            ("sender", self.why),
            ("account", self.account),
            ("faxbox", f"{self.faxbox} ({self.faxbox_id})" if self.faxbox_id else ""),
            ("number", self.number),
            ("receipt to", self.told),
        ):
            shown += [f"{name:11} {text}"] if text else []
        shown += [f"{'document':11} {document}" for document in self.documents]
        shown += [f"{'note':11} {note}" for note in self.notes]
        shown += [f"{'limit':11} {one.words}; {one.spent} of {one.most} are spent" for one in self.limits]
        return shown


class LooksOnly:
    """Takes a mail as `gateway.outbound.submit.Submissions` does, and keeps nothing of it."""

    def __init__(self, store: Store, clock: Clock, submissions: Submissions) -> None:
        self._store = store
        self._clock = clock
        self._submissions = submissions

    async def submit(self, submission: Submission) -> None:
        faxes = faxes_of(submission, (), self._clock.now())
        await self._submissions.check(faxes, submission.counted_pages, submission.origin.spender)

    async def check_room(self, route: FaxRoute, spender: str) -> None:
        payer = route.account.id, route.faxbox.id

        def look(connection: Connection) -> None:
            Ledger(connection, [payer], self._clock.now(), writes=False).check(payer, spender, route.destination)

        try:
            async with self._store.read() as connection:
                await connection.run_sync(look)
        except LimitPassed as passed:
            raise passed.error from passed

    async def record(self, entry: SmtplogEntry) -> None:
        pass


async def check(settings: Settings, desk: Desk, asked: Asked) -> Verdict:
    """Raises BadField for what is no address, OurTrouble, OSError."""
    address, sender = _addresses(asked)
    content = await asyncio.to_thread(asked.file.read_bytes) if asked.file else None
    policy = smtp_policy(settings, settings.data_dir)
    client = Client(host=asked.peer or NO_PEER, peer=asked.peer or NO_PEER, tls="TLS" if asked.tls else "")
    if policy.tls_required and not asked.tls:
        return Verdict(reply=replies.TLS_FIRST, notes=["--tls asks what comes under TLS"])
    async with _gateway(settings, desk) as (gateway, sandbox):
        transaction = Transaction(gateway, policy, client, sender, DsnRequest(), utf8=True)
        entry = transaction.entry
        verdict = Verdict(reply=await transaction.rcpt(address))
        if content is not None or entry.authentication == NOT_PROVEN_YET:
            await sandbox.start()
        if verdict.would_be_sent and content is not None:
            verdict.reply = await transaction.deliver(_as_smtp(content))
        elif verdict.would_be_sent and entry.authentication == NOT_PROVEN_YET:
            await _prove_without_mail(verdict, transaction, gateway, policy, address)
        verdict.why = verdict.why or entry.authentication
        verdict.notes += entry.errors
        if verdict.would_be_sent:
            verdict.reply = "250 2.0.0 Accepted" if content else f"{verdict.reply}, if its documents can be faxed"
            verdict.told = verdict.told or transaction.identity
        verdict.faxbox_id = verdict.faxbox_id or entry.faxbox_id or ""
        verdict.documents = [f"{one.name}: {one.outcome} {one.reason}".strip() for one in entry.attachments]
        await _describe(verdict, desk, gateway, address, sender)
    return verdict


async def _prove_without_mail(
    verdict: Verdict, transaction: Transaction, gateway: Gateway, policy: Policy, address: Address
) -> None:
    target = await gateway.routing.route(address.local, address.domain)
    assert isinstance(target, FaxTarget)
    asking = admission.asking(policy, transaction.client, transaction.entry.sender, target)
    to = [Addressed(target.destination, address.domain)]
    decided = await admission.proven(gateway.prover, asking, to, Claims(unclear=NO_MAIL), b"")
    verdict.why = decided.reason
    if isinstance(decided, TurnedAway):
        verdict.reply = replies.of_error(decided.error)
        verdict.notes.append(ITSELF)
        return
    verdict.faxbox_id, verdict.told = decided.faxbox.id, decided.identity
    try:
        await gateway.submissions.check_room(target.through(decided.faxbox), decided.spender)
    except FaxgateError as error:
        verdict.reply = replies.of_error(error)


async def _describe(verdict: Verdict, desk: Desk, gateway: Gateway, address: Address, sender: str) -> None:
    """Say whose it is, and what limits there are."""
    try:
        target = await gateway.routing.route(address.local, address.domain)
    except FaxgateError:
        return
    if not isinstance(target, FaxTarget):
        verdict.notes.append("this address is the operator's, who gets the mail; nothing is faxed")
        return
    boxes = {box.id: box for box in target.boxes}
    verdict.account, verdict.number = target.account.name, target.destination
    verdict.faxbox = boxes[verdict.faxbox_id].name if verdict.faxbox_id in boxes else ""
    if not verdict.faxbox_id:
        verdict.notes.append(_permitted(target, sender))
    payer = target.account.id, verdict.faxbox_id or None

    def look(connection: Connection) -> list[Standing]:
        return Ledger(connection, [payer], desk.clock.now(), writes=False).standing(payer, verdict.told)

    async with desk.store.read() as connection:
        verdict.limits = [_limit(one) for one in await connection.run_sync(look)]


def _permitted(target: FaxTarget, sender: str) -> str:
    try:
        return f"the faxbox {permitted_box(target.boxes, sender).name} permits {sender}"
    except NotPermitted:
        return f"no faxbox that takes mail to this domain permits {sender or 'the null sender'}"


def _limit(one: Standing) -> Limit:
    excess = Excess(scope=one.scope, sender=one.sender, what=one.what, window=one.window, most=one.most, hopeless=False)
    return Limit(words=excess.words, most=one.most, spent=one.spent)


@asynccontextmanager
async def _gateway(settings: Settings, desk: Desk) -> AsyncIterator[tuple[Gateway, Sandbox]]:
    """The gateway, and the worker processes that it needs to read a mail, not started yet."""
    sandbox = Sandbox(children=1, quick=1, preload=SMTP_PRELOAD)

    async def parse(content: bytes | Path, options: Options) -> Message:
        return await sandbox.run(read, content, options)

    try:
        gateway = Gateway(
            routing=Routing(desk.store, desk.wake, desk.clock),
            submissions=LooksOnly(desk.store, desk.clock, submissions(desk)),
            parse=parse,
            parse_slowly=parse,
            prover=Prover(SandboxedWorkers(sandbox), Resolver(settings.dns), desk.clock),
        )
        yield gateway, sandbox
    finally:
        await sandbox.stop()


def _addresses(asked: Asked) -> tuple[Address, str]:
    try:
        to = read_argument("TO:", f"TO:<{asked.recipient}>")
        sender = check_sender(asked.sender) if asked.sender else ""
    except BadSyntaxError as error:
        raise BadField("--to", str(error)) from error
    except BadAddress as error:
        raise BadField("--from", error.text) from error
    if to.address is None or to.parameters:
        raise BadField("--to", "A recipient is an address like +15551234567@fax.example.com.")
    if asked.peer:
        try:
            ip_address(asked.peer)
        except ValueError as error:
            raise BadField("--peer", f"{error}.") from error
    return to.address, sender


def _as_smtp(content: bytes) -> bytes:
    """With the line ends that it has on its way: a file may have been saved with others."""
    return re.sub(rb"\r?\n", b"\r\n", content)
