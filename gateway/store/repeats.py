"""Mails that have been faxed already, so that a client which has lost our 250 and sends again makes no second fax.

A fax knows for itself what makes its mail the same again (`Fax.repeat_key`). Of one that is removed this is kept for as
long as it counts: a digest, which says nothing of what was faxed.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, text

from gateway.fax import Fax, Status
from gateway.store import tables

_fax, _removed = tables.fax, tables.removed_repeat

WITHIN = timedelta(hours=24)


def known(connection: Connection, keys: Collection[str], now: datetime) -> dict[str, str]:
    """Which of these repeat keys have been faxed lately and did not fail: key -> fax id, also of a fax that is gone."""
    if not keys:
        return {}
    if connection.dialect.name == "postgresql":
        # Two processes that get the same mail at once must not both find that it is new.
        for key in sorted(keys):
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
    found: dict[str, str] = {}
    for table in (_fax, _removed):  # in this order: what is removed between the two is there
        lately = (table.c.repeat_key.in_(keys), table.c.created_at > now - WITHIN)
        query = select(table.c.repeat_key, table.c.id).where(*lately)
        if table is _fax:
            query = query.where(_fax.c.status != Status.FAILED)
        found |= {key: fax_id for key, fax_id in connection.execute(query) if key is not None}
    return found


def keep(connection: Connection, fax: Fax, now: datetime) -> None:
    """Remember a fax that is being removed."""
    if fax.repeat_key and fax.status is not Status.FAILED and fax.created_at > now - WITHIN:
        row = {"id": fax.id, "repeat_key": fax.repeat_key, "created_at": fax.created_at}
        connection.execute(insert(_removed).values(row))


def prune(connection: Connection, now: datetime) -> None:
    """Forget what does not count any more."""
    connection.execute(delete(_removed).where(_removed.c.created_at < now - WITHIN))
