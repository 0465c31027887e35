"""Keeps the house: old events go, what was remembered of a destination for long enough, faxes that their account does
not keep any longer, and documents and spooled files that a crash left without an owner. Runs in every worker; that
several do the same work at once does no harm.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import FaxgateError
from gateway.orphans import sweep
from gateway.ports import Documents
from gateway.removal import Removal
from gateway.retention import clear_unowned, expire
from gateway.spool import remove_abandoned
from gateway.store import destinations, events, ledger, repeats
from gateway.store.engine import Store

log = logging.getLogger(__name__)

PRUNED_EVERY = timedelta(minutes=1)
SWEPT_EVERY = timedelta(days=1)


async def keep_house(store: Store, documents: Documents, clock: Clock, spool: Path) -> None:
    """For ever; cancel it to stop. Trouble with a part of the work is logged, and it is done at the next turn."""
    sweep_at = clock.now()
    while True:
        now = clock.now()
        await _tried("what is old", _prune(store, now))
        await _tried(
            "faxes that are not kept any longer", expire(Removal(store=store, documents=documents, clock=clock))
        )
        if now >= sweep_at and await _tried("what has no owner", _sweep(store, documents, clock, spool)):
            sweep_at = now + SWEPT_EVERY
        await asyncio.sleep(PRUNED_EVERY.total_seconds())


async def _prune(store: Store, now: datetime) -> None:
    async with store.begin() as connection:
        await events.prune(connection, now)
        await destinations.prune(connection, now)
        await connection.run_sync(ledger.prune, now)
        await connection.run_sync(repeats.prune, now)


async def _sweep(store: Store, documents: Documents, clock: Clock, spool: Path) -> None:
    await clear_unowned(Removal(store=store, documents=documents, clock=clock))
    await sweep(store, documents, clock.now())
    await asyncio.to_thread(remove_abandoned, spool, clock.now().timestamp())


async def _tried(what: str, work: Awaitable[object]) -> bool:
    try:
        await work
    except (FaxgateError, OSError) as error:
        log.error("housekeeping: %s: %s %s", what, error, getattr(error, "detail", ""))
    except Exception:  # nothing would be kept in order until the next start
        log.exception("housekeeping: %s", what)
    else:
        return True
    return False
