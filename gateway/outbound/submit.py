"""Takes a mail or an order of the API: its documents, its faxes and its smtplog entry become durable together, or not
at all.

Mails that arrive at the same time are committed in one transaction, so that fifty sessions cost far fewer than fifty
syncs of the disk. When the commit fails, every session of the group hears of temporary trouble and nothing is queued.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from gateway import audit
from gateway.alerts import Operator
from gateway.audit import GATEWAY, Actor, AuditEntry
from gateway.bounces import Returned
from gateway.clock import Clock
from gateway.errors import Conflict, FaxgateError, NotPermitted, OurTrouble, OverLimit, Unavailable
from gateway.fax import Document, Fax, Status
from gateway.ids import new_id
from gateway.notices import about_limit
from gateway.operator_mail import MOST_AN_HOUR
from gateway.outbound.submission import Submission, faxes_of
from gateway.ports import Documents, NewDocument
from gateway.routing import FaxRoute
from gateway.smtplog import SmtplogEntry
from gateway.spending import LimitPassed
from gateway.storage import key_for
from gateway.store import audit as audit_log
from gateway.store import faxes, idempotency, notices, repeats, smtplog, stranded
from gateway.store.engine import Store
from gateway.store.idempotency import Once
from gateway.store.ledger import Ledger
from gateway.store.wake import DIAL, NOTICES, PREPARE, Wake

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64
"""Mails in one transaction."""


@dataclass(slots=True)
class _Waiting:
    entry: SmtplogEntry | None
    faxes: list[Fax] = field(default_factory=list)
    actor: Actor = GATEWAY
    operator_mail: bytes | None = None
    returned: Returned | None = None
    fax_ids: list[str] = field(default_factory=list)
    spender: str = ""
    counted_pages: int = 0
    once: Once | None = None
    first: Once | None = None
    """The request of the same name that came first."""
    shares: bool = False
    """Whether the pages are those of another fax."""
    refusal: FaxgateError | None = None
    passed: LimitPassed | None = None
    """The limit for which it is refused."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def adds(self) -> bool:
        """Whether its faxes are to be stored."""
        return self.first is None and self.refusal is None

    @property
    def tells(self) -> bool:
        """Whether somebody may be told of it beside whoever submits it."""
        return self.operator_mail is not None or self.returned is not None or self.passed is not None


class Submissions:
    """The one way in for faxes. `start` before the first, `stop` after the last."""

    def __init__(self, store: Store, documents: Documents, wake: Wake, clock: Clock, operator: Operator) -> None:
        self._store = store
        self._documents = documents
        self._wake = wake
        self._clock = clock
        self._operator = operator
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._committer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._committer = asyncio.create_task(self._commit_groups(), name="submissions")

    async def stop(self) -> None:
        if self._committer is not None:
            self._committer.cancel()
            with suppress(asyncio.CancelledError):
                await self._committer

    async def submit(self, submission: Submission) -> list[str]:
        """Store documents, faxes and smtplog entry durably; the ids of the new faxes, which the entry gets too.

        A repeat of a mail of the last 24 hours makes no new fax; the entry says so and names the first one. A request
        whose name is known makes none either, and its first fax is answered. Raises OurTrouble; Conflict where the name
        belongs to another request, or the pages to be sent again have been removed; NotPermitted where a number may
        not be dialled, OverLimit where a limit would be passed (`gateway.spending`), Unavailable where the faxbox has
        been deleted. Then nothing is queued.
        """
        documents = await self._keep(submission)
        waiting = _Waiting(
            submission.entry,
            faxes_of(submission, documents, self._clock.now()),
            submission.origin.actor,
            submission.operator_mail,
            submission.returned,
            spender=submission.origin.spender,
            counted_pages=submission.counted_pages,
            once=submission.once,
            shares=submission.rendered is not None,
        )
        # Where this raises, the documents stay until the sweep: the commit may have happened all the same, when the
        # database was lost before its answer came.
        await self._commit(waiting)
        if not waiting.fax_ids or waiting.first is not None:
            await self._discard([document.key for document in documents])  # all repeats: nobody needs them
        return waiting.fax_ids

    async def _discard(self, keys: Sequence[str]) -> None:
        """What is committed is answered, whatever comes now: the sweep of orphans makes up for it."""
        try:
            await self._documents.delete(keys)
        except OurTrouble as error:
            log.warning("documents of a repeat are left to the sweep: %s %s", error, error.detail)

    async def check(self, faxes: Sequence[Fax], counted_pages: int = 0, spender: str = "") -> None:
        """Whether faxes like these would be taken now, as far as numbers and limits go; nothing is stored. Raises
        NotPermitted, OverLimit, and Unavailable where the faxbox has been deleted."""
        payers = [(fax.account_id, fax.faxbox_id) for fax in faxes]

        def look(connection: Connection) -> None:
            Ledger(connection, payers, self._clock.now(), writes=False).check_all(faxes, counted_pages, spender)

        try:
            async with self._store.read() as connection:
                await connection.run_sync(look)
        except LimitPassed as passed:
            raise passed.error from passed

    async def check_room(self, route: FaxRoute, spender: str) -> None:
        """Whether a mail of this spender may come for this route: told before it is sent, where that is certain.

        It is not where they have faxed there lately: the mail may be the same again, which is taken and spends
        nothing. Raises OverLimit, NotPermitted; OurTrouble.
        """
        payer = route.account.id, route.faxbox.id

        def look(connection: Connection) -> LimitPassed | None:
            ledger = Ledger(connection, [payer], self._clock.now(), writes=False)
            try:
                ledger.check(payer, spender, route.destination)
            except LimitPassed as passed:
                return None if ledger.has_faxed(payer, spender, route.destination) else passed
            return None

        async with self._store.read() as connection:
            passed = await connection.run_sync(look)
        if passed is not None:
            await self._commit(_Waiting(None, passed=passed))  # the operator is told
            raise passed.error from passed

    async def record(self, entry: SmtplogEntry) -> None:
        """Store the smtplog entry of a transaction that brought no fax."""
        await self._commit(_Waiting(entry))

    async def _keep(self, submission: Submission) -> tuple[Document, ...]:
        kept: list[Document] = []
        new: list[NewDocument] = []
        for mailed in submission.documents:
            size = mailed.content.stat().st_size if isinstance(mailed.content, Path) else len(mailed.content)
            key = key_for(new_id(), mailed.content_type, self._clock.now())
            kept.append(Document(key=key, name=mailed.name, content_type=mailed.content_type, bytes=size))
            new.append(NewDocument(key, mailed.content))
        await self._documents.put(new)
        return tuple(kept)

    async def _commit(self, waiting: _Waiting) -> None:
        if self._committer is None or self._committer.done():
            raise OurTrouble("The gateway is stopping; try again later.")
        self._queue.put_nowait(waiting)
        await waiting.done

    async def _commit_groups(self) -> None:
        while True:
            group = [await self._queue.get()]
            while len(group) < MOST_AT_ONCE and not self._queue.empty():
                group.append(self._queue.get_nowait())
            try:
                await self._commit_group(group)
            except Exception as error:
                log.exception("a group of %d mails could not be stored", len(group))
                trouble = error if isinstance(error, FaxgateError) else OurTrouble("The mail cannot be stored now.")
                for waiting in group:
                    if not waiting.done.done():
                        waiting.done.set_exception(trouble)
                continue
            for waiting in group:
                if waiting.done.done():
                    continue
                if waiting.refusal is not None:
                    waiting.done.set_exception(waiting.refusal)
                else:
                    waiting.done.set_result(None)
            if any(waiting.faxes for waiting in group):
                await self._wake.notify(PREPARE)
            if any(fax.status is Status.PENDING for waiting in group for fax in waiting.faxes):
                await self._wake.notify(DIAL)
            if any(waiting.tells for waiting in group):
                await self._wake.notify(NOTICES)

    async def _commit_group(self, group: Sequence[_Waiting]) -> None:
        now = self._clock.now()

        def store(connection: Connection) -> None:
            _take_names(connection, group, now)
            _check_rendered(connection, group)
            _check_operator_mails(connection, group, now)
            keys = {fax.repeat_key for waiting in group for fax in waiting.faxes if fax.repeat_key}
            known = repeats.known(connection, keys, now)
            payers = ((fax.account_id, fax.faxbox_id) for waiting in group if waiting.adds for fax in waiting.faxes)
            ledger = Ledger(connection, payers, now)
            new = [(one.actor, fax) for one in group if one.adds for fax in _entered(one, known, ledger)]
            _follow_first(group)
            faxes.add(connection, [fax for _, fax in new])
            audit_log.add(connection, [_sent(actor, fax, now) for actor, fax in new])
            idempotency.give_back(connection, [one.once for one in group if one.once and one.refusal and not one.first])
            mails = [
                notices.new(notices.OPERATOR_MAIL, self._operator.address, now, message=one.operator_mail)
                for one in group
                if one.operator_mail is not None and one.refusal is None
            ]
            for passed in (waiting.passed for waiting in group if waiting.passed is not None):
                mails.extend(about_limit(connection, self._operator, passed.excess, now))
            _take_bounces(connection, group, now)
            # The entry of a mail that is refused is written when its session has been told.
            smtplog.add(connection, [one.entry for one in group if one.entry is not None and one.refusal is None])
            notices.add(connection, mails)

        await self._store.commit(store)


def _sent(actor: Actor, fax: Fax, now: datetime) -> AuditEntry:
    facts = {"destination": fax.destination, "via": fax.via}
    return audit.entry(actor, audit.SENT, audit.FAX, fax.id, fax.account_id, now, **facts)


def _take_bounces(connection: Connection, group: Sequence[_Waiting], now: datetime) -> None:
    """Mark the notices that have come back; the entries of the bounces say what was made of them."""
    # In the same order everywhere: each takes a lock.
    for waiting in sorted(group, key=lambda one: one.returned.notice_id if one.returned else ""):
        if waiting.returned is None:
            continue
        notice_id, bounce = waiting.returned.notice_id, waiting.returned.bounce
        stranded.lock(connection, notice_id)
        if not bounce.failed:
            became = "which changes nothing"
        elif notices.bounced(connection, notice_id, bounce.words, now):
            became = "which is bounced now"
            stranded.follow(connection, notice_id, now)
            log.warning("notice %s has come back: %s", notice_id, bounce.words)
        else:
            became = "which is not there, or not sent"
        if waiting.entry is not None:
            waiting.entry.errors.append(f"about notice {notice_id}, {became}: {bounce.words}")


def _take_names(connection: Connection, group: Sequence[_Waiting], now: datetime) -> None:
    """Let those go whose name is taken: by themselves, earlier, or by another request."""
    named = sorted((one for one in group if one.once is not None), key=lambda one: one.once.key if one.once else "")
    for waiting in named:
        assert waiting.once is not None
        taken = replace(waiting.once, fax_id=waiting.faxes[0].id)
        waiting.first = idempotency.take(connection, taken, now)
        if waiting.first is not None:
            waiting.fax_ids = [waiting.first.fax_id]
            waiting.refusal = idempotency.refusal(waiting.first, taken)


def _check_rendered(connection: Connection, group: Sequence[_Waiting]) -> None:
    """Refuse those whose pages were removed meanwhile."""
    # In the same order everywhere: each takes a lock.
    for waiting in sorted(group, key=lambda one: one.faxes[0].account_id if one.faxes else ""):
        if waiting.shares and waiting.adds and not faxes.still_has(connection, waiting.faxes[0]):
            waiting.refusal = Conflict("The document of this fax has been removed; it cannot be sent again.")


def _check_operator_mails(connection: Connection, group: Sequence[_Waiting], now: datetime) -> None:
    """Refuse mails to postmaster where there were too many in an hour; not what is a fax, too, of somebody who may."""
    wanted = [one for one in group if one.operator_mail is not None and one.refusal is None and not one.faxes]
    room = MOST_AN_HOUR - notices.passed_on(connection, now - timedelta(hours=1)) if wanted else 0
    for waiting in wanted[max(room, 0) :]:
        waiting.refusal = OverLimit("Postmaster has had too many mails within an hour; try again later.")


def _entered(waiting: _Waiting, known: dict[str, str], ledger: Ledger) -> list[Fax]:
    """The faxes that are new and paid for; none where a limit or a rule refuses them."""
    try:
        new = [fax for fax in waiting.faxes if (fax.repeat_key or "") not in known]
        ledger.enter(new, waiting.counted_pages, waiting.spender)
    except (NotPermitted, Unavailable) as error:
        waiting.refusal = error
    except LimitPassed as passed:
        waiting.refusal, waiting.passed = passed.error, passed
    else:
        return _without_repeats(waiting, known)
    return []


def _follow_first(group: Sequence[_Waiting]) -> None:
    """Refuse those, too, whose name belongs to a request of this group that was refused: there is no fax of it."""
    refused = {one.faxes[0].id: one.refusal for one in group if one.once and one.refusal and one.first is None}
    for waiting in group:
        if waiting.first is not None and waiting.refusal is None:
            waiting.refusal = refused.get(waiting.first.fax_id)


def _without_repeats(waiting: _Waiting, known: dict[str, str]) -> list[Fax]:
    """The faxes that are new; fills in the entry of their mail. `known` learns them."""
    new: list[Fax] = []
    for fax in waiting.faxes:
        first = known.get(fax.repeat_key or "")
        if first is None:
            new.append(fax)
            known[fax.repeat_key or fax.id] = fax.id
        if waiting.entry is not None:
            _fill_in(waiting.entry, fax, first)
    waiting.fax_ids = [fax.id for fax in new]
    return new


def _fill_in(entry: SmtplogEntry, fax: Fax, first: str | None) -> None:
    if first is None:
        entry.fax_ids.append(fax.id)
    else:
        entry.errors.append(f"repeat of fax {first} to {fax.destination}: no new fax")
    for recipient in entry.recipients:
        if recipient.destination == fax.destination and recipient.faxbox_id == fax.faxbox_id:
            recipient.fax_id = first or fax.id
