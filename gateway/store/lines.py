"""What the database knows of the telephone lines, which is the same for all processes: which are drained, and how many
calls are under way on each (by their slots, see `gateway.store.queue`).

A line that is drained gets no more calls of ours. Those that run go on to their end, and calls that come in are taken.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables

_slot, _drain = tables.slot, tables.line_drain


def slot_key(name: str) -> str:
    """A line's name as the key of a slot, which is short."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


async def drain(connection: AsyncConnection, name: str, now: datetime) -> None:
    """From now on the line gets no more calls; drained already, it stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    await connection.execute(dialect.insert(_drain).values(name=name, since=now).on_conflict_do_nothing())


async def resume(connection: AsyncConnection, name: str) -> None:
    """The line gets calls again."""
    await connection.execute(delete(_drain).where(_drain.c.name == name))


async def draining(connection: AsyncConnection) -> dict[str, datetime]:
    """The lines that are drained, and since when."""
    found = await connection.execute(select(_drain.c.name, _drain.c.since))
    return {row.name: row.since for row in found}


async def under_way(connection: AsyncConnection, names: Collection[str]) -> dict[str, int]:
    """How many calls of ours are under way on each of these lines, in whatever process."""
    keys = {slot_key(name): name for name in names}
    query = select(_slot.c.key, func.count()).where(_slot.c.kind == "line", _slot.c.key.in_(keys))
    held = {keys[key]: count for key, count in await connection.execute(query.group_by(_slot.c.key))}
    return {name: held.get(name, 0) for name in names}
