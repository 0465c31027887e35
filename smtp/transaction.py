"""One SMTP transaction, from MAIL to its end: what is decided, what is handed in, and its one smtplog entry.

Knows nothing of sockets. Every transaction ends exactly once: `deliver` hands it to the gateway, which stores mail and
entry together before the 250; `end` records whatever came to nothing. How it fails: a refusal is the reply that
`smtp.replies` makes of the error; any trouble of ours is 451 and in the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

from gateway import options
from gateway.accounts import Account
from gateway.bounces import Returned
from gateway.errors import FaxgateError, OurTrouble, Refused, UnknownDomain
from gateway.fax import DsnRequest, LeftOut
from gateway.ids import new_id
from gateway.operator_mail import Passage, to_operator
from gateway.outbound.submission import MailedDocument, Submission
from gateway.routing import BounceRoute, FaxRoute, FaxTarget, OperatorRoute
from gateway.smtplog import AttachmentLog, RecipientLog, SmtplogEntry, in_a_line
from gateway.wording import zone_of
from smtp import replies
from smtp.addresses import Address
from smtp.client import Client
from smtp.message import FAXED, LEFT_OUT, Message, Options
from smtp.policy import Policy
from smtp.proving import Prover
from smtp.recipients import FaxRecipients

log = logging.getLogger(__name__)


QUEUED = timedelta(days=5)
"""For so long a mail server tries (RFC 5321 4.5.4.1)."""


class Routing(Protocol):
    """`gateway.routing.Routing`."""

    async def owner(self, domain: str) -> Account | None:
        """Whose domain it is. Raises FaxgateError."""
        ...

    async def route(self, local: str, domain: str) -> FaxTarget | OperatorRoute | BounceRoute:
        """Where a recipient leads. Raises FaxgateError."""
        ...


class Submissions(Protocol):
    """`gateway.outbound.submit.Submissions`."""

    async def submit(self, submission: Submission) -> object:
        """Store a mail and its smtplog entry durably. Raises OurTrouble, and then nothing of it is queued."""
        ...

    async def check_room(self, route: FaxRoute, spender: str) -> None:
        """Raises OverLimit, NotPermitted where a mail of this spender would be refused for a limit."""
        ...

    async def record(self, entry: SmtplogEntry) -> None:
        """Store the smtplog entry of a transaction that brought no fax."""
        ...


Parse = Callable[[bytes | Path, Options], Awaitable[Message]]
"""`smtp.message.read` in a worker process. Raises TimeoutError when it takes too long, and FaxgateError."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What stands behind the door."""

    routing: Routing
    submissions: Submissions
    parse: Parse
    """Within about a second, with a look into the documents."""
    parse_slowly: Parse
    """With more time, asked after a TimeoutError, without that look."""
    prover: Prover


class Transaction:
    def __init__(
        self, gateway: Gateway, policy: Policy, client: Client, sender: str, wanted: DsnRequest, *, utf8: bool = False
    ) -> None:
        """`sender` is the envelope sender, empty for the null reverse path."""
        self.client = client
        self.entry = SmtplogEntry(
            id=new_id(),
            received_at=datetime.now(UTC),
            peer=client.peer,
            helo=client.helo,
            tls=client.tls,
            sender=sender,
        )
        self.wanted = wanted
        """What MAIL has asked to be told."""
        self.utf8 = utf8
        self.ended = False
        self.promised = 0
        """How many RCPT were answered 250."""
        self._gateway = gateway
        self._policy = policy
        self._asked = 0
        self._turned_away = 0
        self._refused = 0
        self._unnamed = 0
        """Refused recipients that are only counted."""
        self._account: Account | None = None
        self._faxed = FaxRecipients(gateway.prover, policy, client, self.entry, gateway.submissions.check_room)
        self._operators: list[OperatorRoute] = []
        self._returned: BounceRoute | None = None

    @property
    def has_recipients(self) -> bool:
        return bool(self._faxed or self._operators or self._returned)

    @property
    def identity(self) -> str:
        """Who is told of the faxes."""
        return self._faxed.identity

    async def rcpt(self, address: Address, dsn: DsnRequest | None = None) -> str:
        """Decide a recipient (RFC 5321 3.3), of which the sender wants to be told as `dsn` says. Returns the reply."""
        self._asked += 1
        if self._asked > self._policy.limits.recipients:
            self._turned_away += 1
            self.entry.reply = replies.TOO_MANY_RECIPIENTS
            return self.entry.reply
        line = RecipientLog(address=address.written, number=address.local)
        try:
            line.reply = await self._decide(address, line, dsn)
        except FaxgateError as error:
            line.reply = self._refusal(error)
        except Exception as error:
            log.exception("smtp %s: recipient %s could not be decided", self.entry.id, address.written)
            if repr(error) not in self.entry.errors:
                self.entry.errors.append(repr(error))
            line.reply = replies.LOCAL_TROUBLE
        self.promised += line.reply == replies.RECIPIENT_OK
        self._log_recipient(line)
        return line.reply

    def note_malformed(self, written: str, reply: str) -> None:
        """Log a RCPT whose argument could not be read."""
        self._asked += 1
        self._log_recipient(RecipientLog(address=written, reply=reply))

    def _log_recipient(self, line: RecipientLog) -> None:
        """Name the recipient in the entry, or only count it: refusals are free for the peer, but not for the store."""
        self.entry.reply = line.reply
        if not line.reply.startswith("250"):
            if self._refused >= self._policy.limits.logged_refusals:
                self._unnamed += 1
                return
            self._refused += 1
        self.entry.recipients.append(line)

    async def _decide(self, address: Address, line: RecipientLog, dsn: DsnRequest | None) -> str:
        """The transaction serves the account whose domain comes first, refused or not: the entry is that account's."""
        owner = await self._gateway.routing.owner(address.domain)
        if owner is not None:
            if self._account is not None and self._account.id != owner.id:
                return replies.OTHER_ACCOUNT
            self._account = owner
            self.entry.account_id = owner.id
        if address.domain.startswith("["):
            raise UnknownDomain("This fax service takes no address literals.")
        route = await self._gateway.routing.route(address.local, address.domain)
        if isinstance(route, FaxTarget):
            return await self._faxed.take(
                route, address.domain, line, dsn, alone=not self.has_recipients, bounce=self._returned is not None
            )
        alone = isinstance(route, BounceRoute)  # a bounce is nothing else beside, nor is what may yet be refused
        if self._faxed.undecided or (self.has_recipients and route != self._returned and (self._returned or alone)):
            return replies.OTHER_ACCOUNT
        if isinstance(route, BounceRoute):
            self._returned = route
        else:
            self._operators.append(route)
        return replies.RECIPIENT_OK

    async def deliver(self, content: bytes | Path) -> str:
        """Take the mail itself. Returns the reply; with 250 everything is durably stored. Never cancelled half-way."""
        try:
            await self._faxed.prove(content)
            message = await self._read(content)
            self._note(message)
            if message.refusal:
                return await self._fail(self._refusal(message.refusal))
            await self._faxed.check_scanner(message, content)
            await self._submit(message, content)
        except FaxgateError as error:
            return await self._fail(self._refusal(error))
        except Exception as error:
            log.exception("smtp %s: mail from %s was lost on the way in", self.entry.id, self.entry.sender)
            self.entry.errors.append(repr(error))
            return await self._fail(replies.LOCAL_TROUBLE)
        return self.entry.reply

    async def _read(self, content: bytes | Path) -> Message:
        routes = self._faxed.routes
        how = Options(
            faxed=bool(routes),
            bounce_of=self.entry.sender if self._returned else None,
            mail_options=frozenset(name for route in routes for name in route.faxbox.mail_options),
            body_as_page=all(route.faxbox.body_as_page for route in routes),
            max_pages=self._policy.limits.pages,
            spool=content.parent if isinstance(content, Path) else None,
            signed=self._faxed.signed,
        )
        try:
            return await self._gateway.parse(content, how)
        except TimeoutError:
            self.entry.errors.append("The documents could not be looked into during the session.")
        try:
            return await self._gateway.parse_slowly(content, how.without_inspection())
        except TimeoutError as error:
            raise OurTrouble("The mail could not be read in time.") from error

    def _note(self, message: Message) -> None:
        self.entry.subject, self.entry.message_id = message.subject, message.message_id
        if message.ignored:
            named = ", ".join(message.ignored)
            self.entry.errors.append(f"options that the faxbox does not allow in mails were not heeded: {named}")
        self.entry.attachments = [
            AttachmentLog(
                name=part.name,
                content_type=part.content_type,
                bytes=part.bytes,
                outcome=part.outcome,
                reason=part.reason,
                pages=part.pages,
            )
            for part in message.parts
        ]

    async def _submit(self, message: Message, content: bytes | Path) -> None:
        submission = Submission(
            origin=self._faxed.origin(),
            entry=self.entry,
            routes=tuple(self._with_options(route, message) for route in self._faxed.routes),
            documents=tuple(
                MailedDocument(name=part.name, content_type=part.content_type, content=part.content)
                for part in message.parts
                if part.outcome == FAXED
            ),
            left_out=tuple(
                LeftOut(name=part.name, content_type=part.content_type, bytes=part.bytes, reason=part.reason)
                for part in message.parts
                if part.outcome == LEFT_OUT
            ),
            counted_pages=sum(part.pages or 0 for part in message.parts if part.outcome == FAXED),
            message=message.text,
            repeat_of=message.identity,
            operator_mail=await self._operator_mail(content) if self._operators else None,
            returned=Returned(notice_id=self._returned.notice_id, bounce=message.bounce)
            if self._returned and message.bounce
            else None,
        )
        self._close()
        self.entry.accepted = True
        self.entry.reply = f"250 2.0.0 Accepted as {self.entry.id}"
        await self._gateway.submissions.submit(submission)
        self.ended = True
        log.info("smtp %s", in_a_line(self.entry))

    def _with_options(self, route: FaxRoute, message: Message) -> FaxRoute:
        """Raises BadField."""
        heeded = {name: value for name, value in message.options.items() if name in route.faxbox.mail_options}
        zone = zone_of(route.faxbox, route.account)
        return replace(route, options=options.read(heeded, zone, _written(message, self.entry.received_at)))

    async def _operator_mail(self, content: bytes | Path) -> bytes:
        """The mail as the operator gets it. Raises MailLoop, TooLarge."""
        passage = Passage(
            notice_id=self.entry.id,
            recipient=self._operators[0].address,
            sender=self.entry.sender,
            peer=self.entry.peer,
            helo=self.entry.helo,
            hostname=self._policy.hostname,
            date=self.entry.received_at,
        )
        message = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        return to_operator(message, passage)

    async def _fail(self, reply: str) -> str:
        self.entry.accepted = False
        for attachment in self.entry.attachments:
            if attachment.outcome == FAXED:
                attachment.outcome, attachment.reason = LEFT_OUT, "the mail was not accepted"
        await self.end(reply)
        return reply

    async def end(self, reply: str = "", note: str = "") -> None:
        """Record a transaction that brought nothing; `note` says why where no reply does. Again: does nothing."""
        if self.ended:
            return
        self.ended = True
        self._close()
        self.entry.reply = reply or self.entry.reply
        if note:
            self.entry.errors.append(note)
        try:
            await self._gateway.submissions.record(self.entry)
        except Exception:
            log.exception("smtp %s: its smtplog entry could not be stored: %r", self.entry.id, self.entry)
        else:
            log.info("smtp %s", in_a_line(self.entry))

    def _close(self) -> None:
        if self._turned_away:
            self.entry.errors.append(f"{self._turned_away} more recipients got {replies.TOO_MANY_RECIPIENTS}")
            self._turned_away = 0
        if self._unnamed:
            self.entry.errors.append(f"{self._unnamed} more recipients were refused")
            self._unnamed = 0

    def _refusal(self, error: FaxgateError) -> str:
        if error.detail and error.detail not in self.entry.errors:
            self.entry.errors.append(error.detail)
        if not isinstance(error, Refused):
            log.warning("smtp %s: %s %s", self.entry.id, error, error.detail)
        return replies.of_error(error, utf8=self.utf8)


def _written(message: Message, received_at: datetime) -> datetime:
    """When the mail was written, as far as it can be believed: the times that it names were to come then. A server may
    have kept it since, or sends it again because it lost our 250: then it is the same mail, and no mistake."""
    try:
        written = parsedate_to_datetime(message.date)
    except (ValueError, TypeError, OverflowError):
        return received_at
    written = written if written.tzinfo else written.replace(tzinfo=UTC)  # -0000 (RFC 5322 3.3)
    return written if received_at - QUEUED <= written <= received_at else received_at
