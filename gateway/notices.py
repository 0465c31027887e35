"""Tells people: writes notices beside what they tell of, and sends them.

A notice is a row written in the transaction that it tells of (`about_...`), so that none is lost and none lies. It is
made a mail when it is sent, and tried again with growing pauses until the relay has taken it or said no. A crash
between the relay's answer and our commit sends it twice, with the same Message-ID.
"""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import letters
from gateway.accounts import Account, Faxbox
from gateway.alerts import EVERY, Operator, alert_of
from gateway.clock import Clock
from gateway.errors import FaxgateError, NotFound
from gateway.fax import CallResult, Direction, Fax, Status
from gateway.letters import Letterhead
from gateway.ports import Documents, MailDelayedError, Mailer, MailRefusedError
from gateway.store import accounts, alerts, attempts, faxes, notices
from gateway.store.engine import Store
from gateway.store.notices import FAILURE, INBOUND_FAX, OPERATOR_ALERT, OPERATOR_MAIL, RECEIPT, Notice
from gateway.store.wake import NOTICES, Wake
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60))
"""After the first, second, ... failure; the last is repeated."""

GIVE_UP_AFTER = timedelta(days=5)
"""RFC 5321 4.5.4.1: the give-up time is at least four to five days."""

AT_ONCE = 4
"""Mails that leave at the same time."""

GRACE_SECONDS = 10.0
"""How long a stop waits for them."""


async def about_end(connection: AsyncConnection, fax: Fax, status: Status, now: datetime) -> list[Notice]:
    """The receipts or failure notices of a fax that ends now with this status: to its sender, its box's outbound
    recipients, and whom the program that ordered it has named by mail."""
    # The box may be deleted since: the sender hears of it all the same.
    box = await accounts.known_faxbox(connection, fax.faxbox_id)
    told = (fax.sender, *(box.outbound_email if box else ()), *recipients(fax.notifications, "email"))
    kind = RECEIPT if status is Status.COMPLETED else FAILURE
    return [notices.new(kind, recipient, now, account_id=fax.account_id, fax_id=fax.id) for recipient in _once(told)]


async def about_received(connection: AsyncConnection, fax: Fax, now: datetime) -> list[Notice]:
    """The mails that carry a received fax to the box's recipients."""
    box = await accounts.known_faxbox(connection, fax.faxbox_id)
    return [
        notices.new(INBOUND_FAX, recipient, now, account_id=fax.account_id, fax_id=fax.id)
        for recipient in _once(box.inbound_email if box else ())
    ]


async def about_trouble(
    connection: AsyncConnection, operator: Operator, fax: Fax, line: str, result: CallResult | None, now: datetime
) -> list[Notice]:
    """The mail to the operator where a call on `line` met a trouble of ours that he does not know of yet. It is written
    here and now: when it is sent the fax may be through by another line."""
    alert = alert_of(result, inbound=fax.direction is Direction.INBOUND) if result else None
    if alert is None or not operator.address or not await alerts.is_due(connection, line, alert.cause, now, EVERY):
        return []
    # It is no notice of the fax: an account is not told whom we call, nor is it kept waiting for that.
    notice = notices.new(OPERATOR_ALERT, operator.address, now)
    head = Letterhead(
        notice_id=notice.id,
        sender=operator.sender,
        recipient=operator.address,
        hostname=operator.hostname,
        date=now,
    )
    message = letters.operator_alert(head, alert, fax.id, line, result.result_text if result else "")
    return [replace(notice, message=message)]


def recipients(notifications: dict[str, object], way: str) -> list[str]:
    """Whom `{way: {"send_to": ...}}` names: one or a list.

    >>> recipients({"email": {"send_to": "a@example.com"}}, "email"), recipients({}, "sms")
    (['a@example.com'], [])
    """
    told = notifications.get(way)
    send_to = told.get("send_to", []) if isinstance(told, dict) else []
    return [send_to] if isinstance(send_to, str) else list(send_to)


def _once(addresses: tuple[str, ...]) -> list[str]:
    """Each address once, however it is written."""
    return list({address.lower(): address for address in reversed(addresses) if address}.values())[::-1]


def _with_pdf(head: Letterhead, fax: Fax, box: Faxbox | None, account: Account, pdf: Path | None) -> bytes:
    return letters.inbound_fax(head, fax, box, account, pdf=pdf.read_bytes() if pdf else None)


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
        self._claims: set[str] = set()
        self._tasks = Tasks("notices")

    async def run(self) -> None:
        """Send what is due, for ever. Cancel it to stop; `close` then waits for what is under way."""
        renewing = asyncio.create_task(self._renew(), name="renew notices")
        sending = asyncio.Semaphore(AT_ONCE)
        try:
            while True:
                await sending.acquire()
                try:
                    notice = await self._claim()
                    look_again = None if notice is not None else await self._next_look()
                except FaxgateError as error:
                    log.error("notices: %s %s", error, error.detail)
                    notice, look_again = None, self._clock.now() + self._lease
                if notice is None:
                    sending.release()
                    await self._clock.wait(self._wake, look_again)
                else:
                    self._tasks.start(self._send(notice)).add_done_callback(lambda _: sending.release())
        finally:
            renewing.cancel()

    async def close(self) -> None:
        """Wait a moment for the mails under way; a mail that is cut off then is sent again at the next start."""
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._tasks.finish()
        except TimeoutError:
            await self._tasks.cancel()
        await self._mailer.close()

    async def _renew(self) -> None:
        """Keep the leases of the mails under way: a slow relay takes minutes (RFC 5321 4.5.3.2.6)."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if self._claims:
                try:
                    async with self._store.begin() as connection:
                        await notices.renew(connection, list(self._claims), self._clock.now() + self._lease)
                except FaxgateError as error:
                    log.error("notices: leases not renewed: %s %s", error, error.detail)

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

    async def _send(self, notice: Notice) -> None:
        assert notice.claim_token is not None
        self._claims.add(notice.claim_token)
        try:
            await self._deliver(notice)
        finally:
            self._claims.discard(notice.claim_token)

    async def _deliver(self, notice: Notice) -> None:
        try:
            message = await self._written(notice)
        except (NotFound, ValueError) as error:
            log.error("notice %s to %s cannot be written: %s", notice.id, notice.recipient, error)
            await self._finish(notice, notices.FAILED, f"cannot be written: {error}")
            return
        # What goes to the operator has the null reverse path: a bounce of it goes nowhere, and not to him.
        sender = "" if notice.kind in (OPERATOR_MAIL, OPERATOR_ALERT) else self._mail_from
        try:
            answer = await self._mailer.send(sender=sender, recipient=notice.recipient, message=message, key=notice.id)
        except MailRefusedError as error:
            log.error("notice %s to %s refused for good: %s", notice.id, notice.recipient, error)
            await self._finish(notice, notices.FAILED, str(error))
        except MailDelayedError as error:
            await self._delay(notice, str(error))
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
            box = await accounts.known_faxbox(connection, fax.faxbox_id)
            calls = await attempts.of_fax(connection, fax.id)
        head = Letterhead(
            notice_id=notice.id,
            sender=self._mail_from,
            recipient=notice.recipient,
            hostname=self._hostname,
            date=self._clock.now(),
        )
        if notice.kind == INBOUND_FAX:
            pdf = await self._documents.open(fax.pdf_key) if fax.pdf_key else None
            return await asyncio.to_thread(_with_pdf, head, fax, box, account, pdf)
        if notice.kind == RECEIPT:
            return letters.receipt(head, fax, box, account)
        if fax.status is Status.CANCELLED:
            return letters.cancelled(head, fax, box, account)
        unknown = bool(calls) and calls[-1].outcome == "unknown"
        before = next((call.first_page - 1 for call in reversed(calls) if call.result), 0)
        return letters.failure(head, fax, box, account, unknown=unknown, before=before)

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
