"""Delivers the notices: a mail, a short message or a callback for each, tried again with growing pauses until it is
taken or refused.

What a notice says is written when it is sent. It is marked as sent after the answer and never before: a crash between
the answer and our commit sends it twice, a mail with the same Message-ID, a callback with the same webhook-id, and none
is lost. While the process lives what was answered is kept until the database has it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import audit, dsn, letters, messages
from gateway.audit import GATEWAY
from gateway.bounces import BounceAddresses
from gateway.clock import Clock
from gateway.enclosures import Enclosures, discreet
from gateway.errors import FaxgateError, NotPermitted, Refused
from gateway.fax import ENDED, Status
from gateway.letters import Letterhead
from gateway.messages import Known
from gateway.notices import callback_of
from gateway.numbers import to_e164
from gateway.places import Places
from gateway.ports import (
    CallbackOrder,
    Callbacks,
    DelayedDeliveryError,
    Mailer,
    RefusedDeliveryError,
    Texter,
)
from gateway.resuming import pages_before
from gateway.spending import check_number
from gateway.stationery import Templates
from gateway.store import accounts, attempts, faxes, notices, stranded
from gateway.store import audit as audit_log
from gateway.store.engine import Store
from gateway.store.ledger import scopes
from gateway.store.notices import (
    CALLBACK,
    DSN_DELAYED,
    DSN_DELIVERED,
    DSN_FAILED,
    DSNS,
    EMAIL,
    INBOUND_FAILURE,
    INBOUND_FAX,
    INBOUND_KEPT,
    INBOUND_STRANDED,
    OPERATOR_ALERT,
    OPERATOR_MAIL,
    RECEIPT,
    SMS,
    STILL_TRYING,
    Notice,
)
from gateway.store.wake import NOTICES, Wake
from gateway.tasks import Tasks
from gateway.urls import shown

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60))
"""After the first, second, ... failure; the last is repeated."""

GIVE_UP_AFTER = {EMAIL: timedelta(days=5), SMS: timedelta(days=1), CALLBACK: timedelta(days=1)}
"""RFC 5321 4.5.4.1: the give-up time of mail is at least four to five days. What had to wait for us so long is tried as
often as there are pauses all the same."""

GRACE_SECONDS = 10.0
"""How long a stop waits for them."""
WRITE_AGAIN_SECONDS = 1.0
"""After the database could not be told what was answered."""

ACTIONS = {DSN_DELIVERED: dsn.DELIVERED, DSN_FAILED: dsn.FAILED, DSN_DELAYED: dsn.DELAYED}
NULL_SENDER = frozenset({OPERATOR_MAIL, OPERATOR_ALERT, INBOUND_STRANDED, *DSNS})
"""What leaves with the null reverse path, so that a bounce of it goes nowhere: the operator must not get his own back,
and nothing is reported of a report (RFC 3461 6)."""

WHILE_UNDER_WAY = frozenset({STILL_TRYING, DSN_DELAYED})
"""What is true of a fax on its way only."""

NO_SMS = "no SMS service is configured (FAXGATE_SMS_URL)"


class OutdatedError(Exception):
    """What a notice has to say is not true any more."""


def _order(notice: Notice, known: Known, now: datetime) -> CallbackOrder:
    callback = callback_of(known.box, known.fax.direction)
    return CallbackOrder(
        url=notice.recipient,
        method=callback.get("method", "post"),
        form=callback.get("type") == "www-url-form-encoded",
        secrets=known.box.secrets(now) if known.box else (),
        kind=messages.event(known.fax),
        data=messages.facts(known),
        at=notice.created_at,
    )


class Postman:
    """One loop that claims what is due and has a place, and a task for each notice under way. `texter` is None where no
    SMS service is configured."""

    def __init__(
        self,
        store: Store,
        enclosures: Enclosures,
        mailer: Mailer,
        texter: Texter | None,
        callbacks: Callbacks,
        wake: Wake,
        clock: Clock,
        *,
        mail_from: str,
        hostname: str,
        lease: timedelta,
        bounces: BounceAddresses | None = None,
        operator: str = "",
        templates: Templates | None = None,
    ) -> None:
        self._store = store
        self._enclosures = enclosures
        self._mailer = mailer
        self._texter = texter
        self._callbacks = callbacks
        self._clock = clock
        self._mail_from = mail_from
        self._hostname = hostname
        self._bounces = bounces
        self._operator = operator
        self._templates = templates or Templates()
        self._lease = lease
        self._wake = wake.event(NOTICES)
        self._places = Places()
        self._claims: dict[str, str] = {}
        """The claim tokens of what is under way, by notice."""
        self._renewing: asyncio.Task[None] | None = None
        self._tasks = Tasks("notices")

    async def run(self) -> None:
        """Send what is due, for ever. Cancel it to stop; `close` then waits for what is under way."""
        self._renewing = asyncio.create_task(self._renew(), name="renew notices")
        while True:
            now = self._clock.now()
            try:
                notice = await self._claim(now)
                look_again = None if notice is not None else await self._next_look(now)
            except FaxgateError as error:
                log.error("notices: %s %s", error, error.detail)
                notice, look_again = None, now + self._lease
            except Exception:  # nobody would be told of anything until the next start
                log.exception("notices: the next one cannot be claimed")
                notice, look_again = None, now + self._lease
            if notice is None:
                await self._clock.wait(self._wake, look_again)
            else:
                self._start(notice)

    async def close(self) -> None:
        """Wait a moment for the mails under way; a mail that is cut off then is sent again at the next start."""
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._tasks.finish()
        except TimeoutError:
            await self._tasks.cancel()
        if self._renewing is not None:
            self._renewing.cancel()
        await self._mailer.close()
        await self._callbacks.close()
        if self._texter is not None:
            await self._texter.close()

    async def _renew(self) -> None:
        """Keep the leases of the mails under way: a slow relay takes minutes (RFC 5321 4.5.3.2.6)."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            if self._claims:
                try:
                    async with self._store.begin() as connection:
                        until = self._clock.now() + self._lease
                        await notices.renew(connection, list(self._claims.values()), until)
                except FaxgateError as error:
                    log.error("notices: leases not renewed: %s %s", error, error.detail)
                except Exception:
                    log.exception("notices: leases not renewed")

    async def _claim(self, now: datetime) -> Notice | None:
        ways = self._places.ways()
        if not ways:
            return None
        async with self._store.begin() as connection:
            # Of what is under way here the lease may have run out, while the database was away: nobody else has it.
            under_way, full = list(self._claims), self._places.full()
            return await notices.claim(connection, now, now + self._lease, ways=ways, full=full, but=under_way)

    async def _next_look(self, now: datetime) -> datetime:
        """When to look again unwoken: when the next one falls due after `now`, or a dead process's lease runs out. What
        is due and found no place is woken by the place that becomes free."""
        async with self._store.read() as connection:
            due = await notices.next_due(connection, now)
        leases = now + self._lease
        return leases if due is None else min(due, leases)

    def _start(self, notice: Notice) -> None:
        def over(_: object) -> None:
            self._places.leave(notice)
            del self._claims[notice.id]
            self._wake.set()

        assert notice.claim_token is not None
        self._places.take(notice)
        self._claims[notice.id] = notice.claim_token
        self._tasks.start(self._deliver(notice)).add_done_callback(over)

    async def _deliver(self, notice: Notice) -> None:
        try:
            answer = await self._handed_over(notice)
        except NotPermitted as error:
            log.warning("notice %s to %s: %s", notice.id, shown(notice.recipient), error)
            await self._finish(notice, notices.FAILED, str(error))
        except (Refused, ValueError) as error:
            log.error("notice %s to %s cannot be written: %s", notice.id, shown(notice.recipient), error)
            await self._finish(notice, notices.FAILED, f"cannot be written: {error}")
        except OutdatedError as error:
            await self._finish(notice, notices.UNAVAILABLE, str(error))
        except RefusedDeliveryError as error:
            log.error("notice %s to %s refused for good: %s", notice.id, shown(notice.recipient), error)
            await self._finish(notice, notices.FAILED, str(error))
        except DelayedDeliveryError as error:
            await self._delay(notice, str(error))
        except FaxgateError as error:  # the documents store, or a worker
            log.error("notice %s to %s: %s %s", notice.id, shown(notice.recipient), error, error.detail)
            await self._delay(notice, str(error))
        except Exception as error:  # tried as any other, and so not for ever: what it says may not be sayable
            log.exception("notice %s to %s: a fault of the gateway itself", notice.id, shown(notice.recipient))
            await self._delay(notice, f"a fault of the gateway itself: {type(error).__name__}")
        else:
            if answer is None:
                log.warning("notice %s of fax %s to %s: %s", notice.id, notice.fax_id, shown(notice.recipient), NO_SMS)
                await self._finish(notice, notices.UNAVAILABLE, NO_SMS)
                return
            told = f"{notice.kind} of fax {notice.fax_id}"
            log.info("notice %s (%s) to %s: %s", notice.id, told, shown(notice.recipient), answer)
            await self._finish(notice, notices.SENT, answer)

    async def _handed_over(self, notice: Notice) -> str | None:
        """The answer of who has taken it; None where there is nobody to take it. Raises RefusedDeliveryError,
        DelayedDeliveryError; NotFound when its fax has been deleted, NotPermitted where its number may not be had."""
        match notice.way:
            case notices.SMS:
                known = await self._known(notice)
                number = await self._number(notice, known)
                if self._texter is None:
                    return None
                say = await asyncio.to_thread(self._templates.language, known.account.id, known.account.language)
                text = messages.text(known, say)
                return await self._texter.send(recipient=number, text=text, key=notice.id)
            case notices.CALLBACK:
                order = _order(notice, await self._known(notice), self._clock.now())
                return await self._callbacks.send(order, key=notice.id)
            case _:
                message = await self._letter(notice)
                return await self._mailer.send(
                    sender=self._envelope_sender(notice),
                    recipient=self._address(notice),
                    message=message,
                    key=notice.id,
                )

    async def _number(self, notice: Notice, known: Known) -> str:
        """Where a short message goes, E.164. It costs money, too, so those who pay for the fax must allow the number.
        Raises NotPermitted."""
        number = to_e164(notice.recipient, known.account.country)
        async with self._store.read() as connection:
            payers = await connection.run_sync(scopes, (known.fax.account_id, known.fax.faxbox_id))
        check_number(payers, number, "SMS")
        return number

    def _address(self, notice: Notice) -> str:
        return self._operator if notice.kind == INBOUND_STRANDED else notice.recipient

    def _envelope_sender(self, notice: Notice) -> str:
        if notice.kind in NULL_SENDER:
            return ""
        return self._mail_from if self._bounces is None else self._bounces.of(notice.id)

    async def _known(self, notice: Notice) -> Known:
        """Raises NotFound when its fax has been deleted."""
        async with self._store.read() as connection:
            fax = await faxes.find(connection, notice.fax_id or "")
            box = await accounts.known_faxbox(connection, fax.faxbox_id)
            return Known(
                fax=discreet(fax, box),
                account=await accounts.account(connection, fax.account_id),
                box=box,
                calls=list(await attempts.of_fax(connection, fax.id)),
            )

    async def _letter(self, notice: Notice) -> bytes:
        """The mail itself. Raises NotFound when its fax has been deleted, OutdatedError."""
        if notice.message is not None:
            return notice.message
        known = await self._known(notice)
        fax, box, account, calls = known.fax, known.box, known.account, known.calls
        head = Letterhead(
            notice_id=notice.id,
            sender=self._mail_from,
            recipient=self._address(notice),
            hostname=self._hostname,
            date=self._clock.now(),
            stationery=self._templates.mail(account.id, account.language),
        )
        if notice.kind in WHILE_UNDER_WAY and fax.status in ENDED:
            raise OutdatedError("the fax had ended before this could be told")
        if notice.kind in ACTIONS:
            return dsn.report(head, fax, box, account, calls, ACTIONS[notice.kind])
        if notice.kind == INBOUND_FAILURE:
            return letters.inbound_failure(head, fax, box, account)
        if notice.kind == INBOUND_KEPT:
            return letters.inbound_fax(head, fax, box, account, self._enclosures.kept(fax))
        if notice.kind == INBOUND_STRANDED:
            return letters.inbound_stranded(head, fax, box, account, await self._failures(fax.id))
        if notice.kind == INBOUND_FAX:
            enclosed = await self._enclosures.of(fax, box)
            return await asyncio.to_thread(letters.inbound_fax, head, fax, box, account, enclosed)
        if notice.kind == RECEIPT:
            return letters.receipt(head, fax, box, account, await self._enclosures.of(fax, box))
        before = pages_before(calls)
        if notice.kind == STILL_TRYING:
            return letters.still_trying(head, fax, box, account, before=before)
        if fax.status is Status.CANCELLED:
            return letters.cancelled(head, fax, box, account)
        unknown = bool(calls) and calls[-1].outcome == "unknown"
        enclosed = await self._enclosures.of(fax, box)
        return letters.failure(head, fax, box, account, enclosed, unknown=unknown, before=before)

    async def _failures(self, fax_id: str) -> list[tuple[str, str]]:
        """To whom a received fax could not be mailed, and what was answered."""
        async with self._store.read() as connection:
            told = await notices.of_fax(connection, fax_id)
        mails = [one for one in told if one.kind in (INBOUND_FAX, INBOUND_KEPT) and one.way == EMAIL]
        return [(one.recipient, one.answer) for one in mails]

    async def _finish(self, notice: Notice, state: str, answer: str) -> None:
        now = self._clock.now()

        async def finish(connection: AsyncConnection) -> None:
            if state == notices.FAILED:
                await connection.run_sync(stranded.lock, notice.id)
            if not await notices.finish(connection, notice, state, answer, now):
                log.warning("notice %s: %s, but it is not ours any more", notice.id, state)
            elif state == notices.FAILED:
                await connection.run_sync(stranded.follow, notice.id, now)
            elif state == notices.SENT and notice.fax_id and notice.account_id:
                facts = {"kind": notice.kind, "way": notice.way, "recipient": shown(self._address(notice))}
                told = audit.entry(GATEWAY, audit.TOLD, audit.FAX, notice.fax_id, notice.account_id, now, **facts)
                await connection.run_sync(audit_log.add, [told])

        await self._write(finish)
        self._wake.set()

    async def _delay(self, notice: Notice, answer: str) -> None:
        now = self._clock.now()
        if now - notice.created_at > GIVE_UP_AFTER[notice.way] and notice.attempts > len(PAUSES):
            log.error("notice %s to %s given up: %s", notice.id, shown(notice.recipient), answer)
            await self._finish(notice, notices.FAILED, answer)
            return
        due_at = now + PAUSES[min(notice.attempts, len(PAUSES)) - 1]
        log.warning("notice %s to %s delayed until %s: %s", notice.id, shown(notice.recipient), due_at, answer)
        await self._write(lambda connection: notices.postpone(connection, notice, answer, now, due_at))

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """What came of a notice, in a transaction; again until the database takes it, for else it would be sent
        again."""
        while True:
            try:
                async with self._store.begin() as connection:
                    await work(connection)
            except FaxgateError as error:
                log.error("notices: what was answered is not written down yet: %s %s", error, error.detail)
                await asyncio.sleep(WRITE_AGAIN_SECONDS)
            else:
                return
