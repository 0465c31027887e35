"""Received faxes that are not wanted: which no digest has told of, and taking one out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import NotFound
from gateway.fax import ENDED, Fax, Status
from gateway.store import events, tables
from gateway.store.faxes import from_row

_fax, _digest = tables.fax, tables.junk_digest

IS_JUNK = text(tables.JUNK)
"""Of queries that read one table, the faxes."""

_UNTOLD = (IS_JUNK, _fax.c.junk_told_at.is_(None), _fax.c.status.in_([Status.RECEIVED, Status.PARTIAL]))
"""Of a call that brought no page there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A faxbox with junk that no digest has told of."""

    faxbox_id: str
    since: datetime
    """When the first of it had come."""


async def untold(connection: AsyncConnection) -> list[Untold]:
    query = select(_fax.c.faxbox_id, func.min(_fax.c.ended_at)).where(*_UNTOLD, _fax.c.faxbox_id.is_not(None))
    return [Untold(*row) for row in (await connection.execute(query.group_by(_fax.c.faxbox_id))).all()]


async def claim(
    connection: AsyncConnection, faxbox_id: str, day: str, until: datetime, now: datetime, most: int
) -> tuple[int, Sequence[Fax]]:
    """All junk of the faxbox up to `until` that was not told of, which counts as told from now on: how many faxes, and
    the first of them, at most `most`. None where the faxbox had its digest of this day (`2026-11-29`) already: of
    several transactions that ask at the same time one gets any."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(_digest).values(faxbox_id=faxbox_id, day=day).on_conflict_do_nothing()
    if (await connection.execute(first.returning(_digest.c.day))).first() is None:
        return 0, ()
    await connection.execute(delete(_digest).where(_digest.c.faxbox_id == faxbox_id, _digest.c.day < day))
    telling = update(_fax).where(_fax.c.faxbox_id == faxbox_id, *_UNTOLD, _fax.c.ended_at <= until)
    told = (await connection.execute(telling.values(junk_told_at=now))).rowcount
    query = select(_fax).where(_fax.c.faxbox_id == faxbox_id, IS_JUNK, _fax.c.junk_told_at == now)
    rows = (await connection.execute(query.order_by(_fax.c.created_at, _fax.c.id).limit(most))).mappings()
    return told, [from_row(row) for row in rows]


async def take_out(connection: AsyncConnection, fax: Fax, now: datetime) -> Fax:
    """The fax is not junk any more. Raises NotFound where it is none: of several that ask at once one gets it."""
    taking = update(_fax).where(_fax.c.id == fax.id, IS_JUNK, _fax.c.status.in_(ENDED))
    changed = await connection.execute(taking.values(junk="", updated_at=now, revision=_fax.c.revision + 1))
    if changed.rowcount != 1:
        raise NotFound("There is no such fax here.")
    wanted = replace(fax, junk="", updated_at=now, revision=fax.revision + 1)
    events.note(connection, wanted, events.STATUS, now)
    return wanted
