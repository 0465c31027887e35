"""Received faxes that are not wanted (`gateway.callers`): they are stored like any other and lie apart. Nobody is told
of one when it comes; whoever would have been mailed it gets one mail a day that lists them, in the morning of the
faxbox, if there are any. Whoever takes one out has it told of as if it had come just then.

The digest runs in every worker. It is claimed in the transaction that writes its mails, so that there is one a day
whatever crashes, and what came while nothing ran is in the next one.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from gateway import audit, letters
from gateway.accounts import NOTHING, Account, Faxbox
from gateway.audit import Actor
from gateway.clock import Clock
from gateway.enclosures import discreet, link_to
from gateway.errors import FaxgateError, NotFound
from gateway.fax import ENDED, Direction, Fax
from gateway.letters import Letterhead
from gateway.notices import about_received, once
from gateway.stationery import Stationery, Templates
from gateway.store import accounts, faxes, junk, notices
from gateway.store import audit as audit_log
from gateway.store.engine import Store
from gateway.store.notices import JUNK_DIGEST, Notice
from gateway.store.wake import NOTICES, Wake
from gateway.wording import zone_of

log = logging.getLogger(__name__)

HOUR = 7
"""Of the faxbox's day, when its digest is due."""
LOOKED_EVERY = timedelta(minutes=1)
MOST_LISTED = 50
"""Faxes that a digest names; of more it tells how many."""


def last_due(now: datetime, zone: tzinfo) -> datetime:
    """When the last digest was due, in that zone. Pure.

    >>> last_due(datetime(2026, 11, 29, 6, 59, tzinfo=UTC), UTC).isoformat()
    '2026-11-28T07:00:00+00:00'
    """
    local = now.astimezone(zone)
    due = local.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    # Back by the calendar and not by 24 hours: a day of the clock change has 23 or 25.
    return due if due <= local else due - timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """What telling of junk needs."""

    store: Store
    wake: Wake
    clock: Clock
    templates: Templates
    mail_from: str
    hostname: str
    public_url: str = ""

    async def run(self) -> None:
        """For ever; cancel it to stop. Trouble is logged, and what was missed is told at the next look."""
        nothing = asyncio.Event()
        while True:
            try:
                await self.tell()
            except FaxgateError as error:
                log.error("digests of junk: %s %s", error, error.detail)
            except Exception:  # nobody would be told of junk until the next start
                log.exception("digests of junk")
            await self.clock.wait(nothing, self.clock.now() + LOOKED_EVERY)

    async def tell(self) -> int:
        """Write the digests that are due; how many mails. Raises OurTrouble."""
        now, told = self.clock.now(), 0
        async with self.store.read() as connection:
            waiting = [
                (box, await accounts.account(connection, box.account_id), each.since)
                for each in await junk.untold(connection)
                if (box := await accounts.known_faxbox(connection, each.faxbox_id)) is not None
            ]
        for box, account, since in waiting:
            due = last_due(now, zone_of(box, account))
            try:
                told += await self._tell(box, account, due, now) if since <= due else 0
            except Exception:  # one faxbox's trouble is not the others'
                log.exception("digest of junk of faxbox %s", box.id)
        if told:
            await self.wake.notify(NOTICES)
        return told

    async def _tell(self, box: Faxbox, account: Account, due: datetime, now: datetime) -> int:
        stationery = await asyncio.to_thread(self.templates.mail, account.id, account.language)
        async with self.store.begin() as connection:
            count, found = await junk.claim(
                connection, box.id, due.date().isoformat(), due.astimezone(UTC), now, MOST_LISTED
            )
            if not count:
                return 0
            written = [self._digest(to, box, account, count, found, stationery) for to in once(box.inbound_email)]
            await connection.run_sync(notices.add, written)
        log.info("faxbox %s: %d unwanted faxes told of in a digest to %d", box.id, count, len(written))
        return len(written)

    def _digest(
        self, to: str, box: Faxbox, account: Account, count: int, found: Sequence[Fax], stationery: Stationery
    ) -> Notice:
        now = self.clock.now()
        notice = notices.new(JUNK_DIGEST, to, now, account_id=account.id)
        head = Letterhead(
            notice_id=notice.id,
            sender=self.mail_from,
            recipient=to,
            hostname=self.hostname,
            date=now,
            stationery=stationery,
        )
        named = [(discreet(fax, box), link_to(self.public_url, fax)) for fax in found]
        shows_names = box.mail_shows != NOTHING
        message = letters.junk_digest(head, named, count, box, account, shows_names=shows_names)
        return replace(notice, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Junk:
    """What taking faxes out of junk needs."""

    store: Store
    wake: Wake
    clock: Clock

    async def take_out(self, account_id: str, fax_id: str, actor: Actor, check: Callable[[Fax], None]) -> Fax:
        """The fax is wanted after all: it lies in the inbox from now on, and is told of as if it had come just now.
        Raises NotFound where it is not junk, or not any more, and what `check` does."""
        now = self.clock.now()
        async with self.store.begin() as connection:
            fax = await faxes.find(connection, fax_id, account_id)
            if fax.direction is not Direction.INBOUND or fax.status not in ENDED or not fax.junk:
                raise NotFound("There is no such fax here.")
            check(fax)
            wanted = await junk.take_out(connection, fax, now)
            if fax.pages:
                await connection.run_sync(notices.add, await about_received(connection, wanted, now))
            await connection.run_sync(audit_log.add, [audit.of_fax(actor, audit.NOT_JUNK, fax, now)])
        await self.wake.notify(NOTICES)
        return wanted
