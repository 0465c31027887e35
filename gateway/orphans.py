"""Documents that no row names are removed: what a crash left behind between the storing of a document and the commit
that names it. It never removes what a row names, whatever the clock of a documents store says within a day.
"""

import logging
from datetime import datetime, timedelta

from gateway import erasure
from gateway.ports import Documents
from gateway.store import erasures, references
from gateway.store.engine import Store
from gateway.store.erasures import Erasure

log = logging.getLogger(__name__)

SURELY_COMMITTED = timedelta(days=1)
"""A document this old is named by now, or never will be."""
LOOK_BACK = timedelta(days=8)
"""Older days have been swept before."""
AT_ONCE = 500


async def sweep(store: Store, documents: Documents, now: datetime, look_back: timedelta = LOOK_BACK) -> int:
    """Remove the orphans among the documents of the last days; how many they were. Raises OurTrouble.

    Costs one pass over the rows of faxes, in portions: meant for once a day.
    """
    since = (now - look_back).replace(hour=0, minute=0, second=0, microsecond=0)
    orphans = {key async for key, stored in documents.stored(since) if stored < now - SURELY_COMMITTED}
    # A row names a document after that was stored, so it has changed since then; a day more, for clocks that differ.
    after: str | None = ""
    while orphans and after is not None:
        async with store.read() as connection:
            named, after = await references.named_since(connection, since - timedelta(days=1), after, AT_ONCE)
        orphans -= named
    left, found = sorted(orphans), list[str]()
    for first in range(0, len(left), AT_ONCE):
        some = left[first : first + AT_ONCE]
        async with store.begin() as connection:
            going = await erasures.among(connection, some)  # they are no orphans, and told of already
            new = [key for key in some if key not in going]
            await erasures.add(connection, [Erasure(key=key, since=now, due_at=now) for key in new])
        found += new
    await erasure.erase_due(store, documents, now)
    if found:
        log.warning("%d documents that no fax names go, the first of them %s", len(found), found[0])
    return len(found)
