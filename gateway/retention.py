"""Retention: what an account keeps for so many days only is removed when they have passed (`keep_days`), or before a
time that the operator names.

Removed is what `gateway.removal` removes, of faxes that have ended and of which nobody has still to be told, and the
smtplog entries of mails that have no fax any more. Call records and the audit log stay. Several processes may do it at
once: what one has removed the other does not find. The documents are erased when all faxes of a turn are removed, with
no write waiting: one that the store cannot erase holds up nothing (`gateway.erasure`).
"""

import logging
from datetime import datetime, timedelta

from gateway import erasure
from gateway.audit import GATEWAY, Actor
from gateway.errors import Conflict, FaxgateError, NotFound
from gateway.removal import Removal
from gateway.store import expiry
from gateway.store.faxes import LostClaim

log = logging.getLogger(__name__)

AT_ONCE = 100
KEPT_OF_DELETED = timedelta(days=30)
"""The faxes of an account that was deleted, which nobody can reach any more."""
KEPT_OF_NOBODY = timedelta(days=90)
MOST_A_TURN = 500
"""Faxes of one turn of the housekeeping: a lowered `keep_days` is caught up with in the turns that follow."""


async def expire(removal: Removal) -> int:
    """Remove what its account has kept for long enough; how many faxes. Raises OurTrouble."""
    now, removed = removal.clock.now(), 0
    async with removal.store.read() as connection:
        keeping = await expiry.keeping(connection)
    for account_id, days in keeping:
        before = now - timedelta(days=days)
        async with removal.store.read() as connection:
            due = await expiry.is_due(connection, account_id, before)
        try:
            removed += await purge(removal, account_id, before, most=MOST_A_TURN - removed) if due else 0
        except (FaxgateError, OSError) as error:  # one account's trouble is not the others'
            log.error("what account %s does not keep: %s %s", account_id, error, getattr(error, "detail", ""))
    await erasure.erase_due(removal.store, removal.documents, removal.clock.now())
    return removed


async def clear_unowned(removal: Removal) -> int:
    """Remove what is left of accounts that were deleted `KEPT_OF_DELETED` ago, how many faxes; and what is known of
    mails that were for no account, which anybody can bring. Raises OurTrouble."""
    now = removal.clock.now()
    async with removal.store.begin() as connection:
        await expiry.forget_mails(connection, None, now - KEPT_OF_NOBODY)
    async with removal.store.read() as connection:
        gone = await expiry.deleted(connection, now - KEPT_OF_DELETED)
    removed = 0
    for account_id in gone:
        while some := await purge(removal, account_id, now):
            removed += some
    await erasure.erase_due(removal.store, removal.documents, removal.clock.now())
    return removed


async def purge(
    removal: Removal, account_id: str, before: datetime, *, actor: Actor = GATEWAY, most: int = MOST_A_TURN
) -> int:
    """Remove faxes of the account that ended before then, at most so many, and what is told of them; how many. Their
    documents are left to be erased (`gateway.erasure`). Raises OurTrouble."""
    removed, passed_over = 0, ""
    while removed < most:
        async with removal.store.read() as connection:
            found = await expiry.ended_before(connection, account_id, before, passed_over, min(AT_ONCE, most - removed))
        for fax_id, direction in found:
            try:  # a transaction each: a mail that comes in waits for one of them at most
                await removal.take_away(account_id, fax_id, direction, actor, lambda _: None)
            except (NotFound, LostClaim):
                continue  # another process was quicker
            except Conflict as error:  # its document is needed just now: the next turn finds it again
                log.info("fax %s is kept for now: %s", fax_id, error)
            else:
                removed += 1
        if len(found) < AT_ONCE:
            break
        passed_over = found[-1][0]
    async with removal.store.begin() as connection:
        await expiry.forget_mails(connection, account_id, before)
    if removed:
        log.info("%d faxes of account %s that ended before %s were removed", removed, account_id, before)
    return removed
