"""Tells people: writes notices beside what they tell of, and sends them.

A notice is a row written in the transaction that it tells of (`about_...`), so that none is lost and none lies. It is
made a mail when it is sent, and tried again with growing pauses until the relay has taken it or said no. A crash
between the relay's answer and our commit sends it twice, with the same Message-ID.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import letters
from gateway.clock import Clock
from gateway.errors import FaxgateError, NotFound
from gateway.fax import Fax, Status
from gateway.letters import Letterhead
from gateway.ports import Documents, MailDelayedError, Mailer, MailRefusedError
from gateway.store import accounts, attempts, faxes, notices
from gateway.store.engine import Store
from gateway.store.notices import FAILURE, INBOUND_FAX, OPERATOR_MAIL, RECEIPT, Notice
from gateway.store.wake import NOTICES, Wake
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60))
"""After the first, second, ... failure; the last is repeated."""

GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321 4.5.4.1: the give-up time is at least four to five days."""

AT_ONCE = 4
"""Mails that leave at the same time."""


async def about_success(connection: AsyncConnection, fax: Fax, now: datetime) -> list[Notice]:
    """The receipts of a fax that went through: to its sender and the box's outbound recipients."""
    return await _to_senders(connection, RECEIPT, fax, now)


async def about_failure(connection: AsyncConnection, fax: Fax, now: datetime) -> list[Notice]:
    """The failure notices of a fax that did not go through, or was cancelled."""
    return await _to_senders(connection, FAILURE, fax, now)


async def about_received(connection: AsyncConnection, fax: Fax, now: datetime) -> list[Notice]:
    """The mails that carry a received fax to the box's recipients."""
    box = await accounts.faxbox(connection, fax.faxbox_id) if fax.faxbox_id else None
    recipients = box.inbound_email if box else ()
    return [
        notices.new(INBOUND_FAX, recipient, now, account_id=fax.account_id, fax_id=fax.id)
        for recipient in _once(recipients)
    ]


async def _to_senders(connection: AsyncConnection, kind: str, fax: Fax, now: datetime) -> list[Notice]:
    try:
        box = await accounts.faxbox(connection, fax.faxbox_id) if fax.faxbox_id else None
    except NotFound:
        box = None  # deleted since: the sender hears of it all the same
    recipients = (fax.sender, *(box.outbound_email if box else ()))
    return [
        notices.new(kind, recipient, now, account_id=fax.account_id, fax_id=fax.id) for recipient in _once(recipients)
    ]


def _once(recipients: tuple[str, ...]) -> list[str]:
    """Each address once, however it is written."""
    return list({address.lower(): address for address in reversed(recipients) if address}.values())[::-1]


class Postman:
    """Sends the notices: one loop that claims what is due, and a task for each mail under way."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        mailer: Mailer,
        wake: Wake,
        clock: Clock,
        *,
        mail_from: str,
        hostname: str,
        lease: timedelta,
    ) -> None:
        self._store = store
        self._documents = documents
        self._mailer = mailer
        self._clock = clock
        self._mail_from = mail_from
        self._hostname = hostname
        self._lease = lease
        self._wake = wake.event(NOTICES)
        self._tasks = Tasks("notices")

    async def run(self) -> None:
        """Send what is due, for ever. Cancel it to stop; `close` then waits for what is under way."""
        sending = asyncio.Semaphore(AT_ONCE)
        while True:
            await sending.acquire()
            try:
                notice = await self._claim()
            except FaxgateError:
                sending.release()
                await self._clock.wait(self._wake, self._clock.now() + self._lease)
                continue
            if notice is not None:
                task = self._tasks.start(self._deliver(notice))
                task.add_done_callback(lambda _: sending.release())
                continue
            sending.release()
            await self._clock.wait(self._wake, await self._next_look())

    async def close(self) -> None:
        await self._tasks.finish()
        await self._mailer.close()

    async def _claim(self) -> Notice | None:
        now = self._clock.now()
        async with self._store.begin() as connection:
            return await notices.claim(connection, now, now + self._lease)

    async def _next_look(self) -> datetime:
        """When to look again unwoken: when the next one falls due, or a dead process's lease runs out."""
        async with self._store.read() as connection:
            due = await notices.next_due(connection)
        leases = self._clock.now() + self._lease
        return leases if due is None else min(due, leases)

    async def _deliver(self, notice: Notice) -> None:
        try:
            message = await self._written(notice)
        except NotFound as error:
            await self._finish(notice, notices.FAILED, f"nothing to tell: {error}")
            return
        # A mail to postmaster that we pass on keeps the null reverse path out of it: a bounce of it goes nowhere.
        sender = "" if notice.kind == OPERATOR_MAIL else self._mail_from
        try:
            async with asyncio.timeout(max(self._lease.total_seconds() * 0.8, 10)):
                answer = await self._mailer.send(
                    sender=sender, recipient=notice.recipient, message=message, key=notice.id
                )
        except MailRefusedError as error:
            log.error("notice %s to %s refused for good: %s", notice.id, notice.recipient, error)
            await self._finish(notice, notices.FAILED, str(error))
        except (MailDelayedError, TimeoutError) as error:
            await self._delay(notice, str(error) or "the relay did not answer in time")
        else:
            log.info(
                "notice %s (%s of fax %s) to %s: %s", notice.id, notice.kind, notice.fax_id, notice.recipient, answer
            )
            await self._finish(notice, notices.SENT, answer)

    async def _written(self, notice: Notice) -> bytes:
        """The mail itself. Raises NotFound when its fax has been deleted."""
        if notice.message is not None:
            return notice.message
        async with self._store.read() as connection:
            fax = await faxes.find(connection, notice.fax_id or "")
            account = await accounts.account(connection, fax.account_id)
            box = await accounts.faxbox(connection, fax.faxbox_id) if fax.faxbox_id else None
            calls = await attempts.of_fax(connection, fax.id)
        head = Letterhead(
            notice_id=notice.id,
            sender=self._mail_from,
            recipient=notice.recipient,
            hostname=self._hostname,
            date=self._clock.now(),
        )
        match notice.kind:
            case notices.INBOUND_FAX:
                pdf = (await self._documents.open(fax.pdf_key)).read_bytes() if fax.pdf_key else None
                return letters.inbound_fax(head, fax, box, account, pdf=pdf)
            case notices.RECEIPT:
                return letters.receipt(head, fax, box, account)
            case _ if fax.status is Status.CANCELLED:
                return letters.cancelled(head, fax, box, account)
            case _:
                unknown = bool(calls) and calls[-1].outcome == "unknown"
                return letters.failure(head, fax, box, account, unknown=unknown)

    async def _finish(self, notice: Notice, state: str, answer: str) -> None:
        async with self._store.begin() as connection:
            await notices.finish(connection, notice, state, answer, self._clock.now())

    async def _delay(self, notice: Notice, answer: str) -> None:
        now = self._clock.now()
        if now - notice.created_at > GIVE_UP_AFTER:
            log.error("notice %s to %s given up: %s", notice.id, notice.recipient, answer)
            await self._finish(notice, notices.FAILED, answer)
            return
        due_at = now + PAUSES[min(notice.attempts, len(PAUSES)) - 1]
        log.warning("notice %s to %s delayed until %s: %s", notice.id, notice.recipient, due_at, answer)
        async with self._store.begin() as connection:
            await notices.postpone(connection, notice, answer, due_at)
