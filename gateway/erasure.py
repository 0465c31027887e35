"""Erases from the documents store what no fax names any more.

What is to go is written down (`store.erasures`) in the transaction that takes the fax away, and erased behind its
commit, so that nobody waits for the documents store with a write of his own. A crash before the commit leaves the fax
as it was, one behind it a name that the next turn of the housekeeping erases: never a fax without its document, nor a
document that nobody knows of. Erasing twice does no harm.

How it fails: what the store cannot erase is stepped over, and tried again at longer and longer intervals. The log tells
of it once, and `faxgate doctor` for as long as it is there.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway import audit
from gateway.audit import GATEWAY
from gateway.errors import FaxgateError
from gateway.ports import Documents
from gateway.store import audit as audit_log
from gateway.store import erasures
from gateway.store.engine import Store
from gateway.store.erasures import Erasure

log = logging.getLogger(__name__)

AT_ONCE = 100
MOST_A_TURN = 2000
AGAIN_AFTER, AGAIN_AT_MOST = timedelta(hours=1), timedelta(days=1)
FAILURES = 3
"""One after the other: then it is the store's trouble, and no other document is tried in this turn."""
LATE = timedelta(hours=1)
"""So long after its fax the document is said to go in an audit entry of its own: until then that of the fax is true."""


async def erase_due(store: Store, documents: Documents, now: datetime) -> None:
    """Erase what is due. Raises OurTrouble where the database fails."""
    for _ in range(MOST_A_TURN // AT_ONCE):
        async with store.read() as connection:
            going = await erasures.due(connection, now, AT_ONCE)
        if not going or not await erase(store, documents, now, going):
            return


async def erase(
    store: Store, documents: Documents, now: datetime, going: Sequence[Erasure], within: float | None = None
) -> bool:
    """Erase these, at most `AT_ONCE`; whether others are worth a try, too. Raises OurTrouble where the database fails,
    and TimeoutError where the documents store takes longer than so many seconds: then they stay due."""
    async with asyncio.timeout(within):
        erased, failed = await _deleted(documents, [one.key for one in going])
    known = {one.key: one for one in going}
    async with store.begin() as connection:
        gone = await erasures.strike_off(connection, erased)
        late = {one.fax_id: one for one in going if one.key in gone and one.fax_id and now - one.since >= LATE}
        entries = [
            audit.entry(GATEWAY, audit.ERASED, audit.FAX, one.fax_id, one.account_id, now) for one in late.values()
        ]
        await connection.run_sync(audit_log.add, entries)
        await erasures.put_off(
            connection, {key: (now + _pause(known[key].attempts), error) for key, error in failed.items()}
        )
    _tell(known, gone, failed)
    return len(erased) + len(failed) == len(going)


def _pause(attempts: int) -> timedelta:
    """Until the next try, after so many that failed before this one.

    >>> [_pause(attempts).total_seconds() / 3600 for attempts in range(6)]
    [1.0, 2.0, 4.0, 8.0, 16.0, 24.0]
    """
    return min(AGAIN_AFTER * (1 << min(attempts, 10)), AGAIN_AT_MOST)


async def _deleted(documents: Documents, keys: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """What is gone, and what cannot be removed, and why; where the store is in trouble some is neither."""
    try:
        await documents.delete(keys)
    except (FaxgateError, OSError) as error:
        if len(keys) == 1:
            return [], {keys[0]: f"{error} {getattr(error, 'detail', '')}".strip()}
    else:
        return list(keys), {}
    erased: list[str] = []
    failed: dict[str, str] = {}
    for key in keys:  # one that cannot be removed does not keep the others
        gone, kept = await _deleted(documents, [key])
        erased += gone
        failed |= kept
        if not erased and len(failed) == FAILURES:
            break
    return erased, failed


def _tell(known: dict[str, Erasure], gone: frozenset[str], failed: dict[str, str]) -> None:
    at_last = [known[key] for key in gone if known[key].attempts]
    if at_last:
        log.warning("%d documents could be erased at last, the first of them %s", len(at_last), at_last[0].key)
    newly = [key for key in failed if not known[key].attempts]
    if newly:
        log.error(
            "%d documents of removed faxes cannot be erased now, the first of them %s: %s. It is tried again without "
            "more being said here; `faxgate doctor` tells what is left.",
            len(newly),
            newly[0],
            failed[newly[0]],
        )
