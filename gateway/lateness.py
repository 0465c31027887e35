"""Tells, once, that a fax is not through after a set time and is still being tried: also where it has not been called
at all. Runs in every worker; a fax is claimed in the transaction that writes its notices, so that it is told of once.
"""

import asyncio
import logging
from datetime import timedelta

from gateway.clock import Clock
from gateway.errors import FaxgateError
from gateway.notices import about_lateness
from gateway.store import lateness, notices
from gateway.store.engine import Store
from gateway.store.wake import NOTICES, Wake

log = logging.getLogger(__name__)

LOOKED_EVERY = timedelta(minutes=1)
AT_ONCE = 100
"""Faxes in one transaction."""


async def watch_for_late(store: Store, wake: Wake, clock: Clock, after: timedelta) -> None:
    """For ever; cancel it to stop. Trouble is logged, and what was missed is told at the next look."""
    nothing = asyncio.Event()
    while True:
        try:
            while await tell_of_late(store, wake, clock, after) == AT_ONCE:
                pass
        except FaxgateError as error:
            log.error("faxes that take long: %s %s", error, error.detail)
        await clock.wait(nothing, clock.now() + min(after, LOOKED_EVERY))


async def tell_of_late(store: Store, wake: Wake, clock: Clock, after: timedelta) -> int:
    """Tell of those that have taken longer than `after` since they were due to go; how many. Raises OurTrouble."""
    now = clock.now()
    async with store.begin() as connection:
        late = await lateness.claim(connection, now - after, now, AT_ONCE)
        told = [notice for fax in late for notice in await about_lateness(connection, fax, now)]
        await connection.run_sync(notices.add, told)
    for fax in late:
        log.info("fax %s: not through after %s, %d calls", fax.id, now - fax.wanted_at, fax.attempts)
    if told:
        await wake.notify(NOTICES)
    return len(late)
