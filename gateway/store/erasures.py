"""Documents that no fax names any more, and which the documents store has still to erase (`gateway.erasure`).

They are written down in the transaction that takes away the last fax that names them, and struck off when they are
gone.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables
from gateway.store.columns import storable, values

_erasure = tables.erasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    key: str
    """In the documents store."""
    account_id: str = ""
    fax_id: str = ""
    """Of the fax that was removed; empty where none ever named the document."""
    since: datetime
    due_at: datetime
    attempts: int = 0
    """How often it could not be erased."""
    error: str = ""
    """Why not, the last time."""


async def add(connection: AsyncConnection, erasures: Iterable[Erasure]) -> None:
    """Write down what is to go; what is written down already stays as it is."""
    rows = [values(one, _erasure) for one in erasures]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        await connection.execute(dialect.insert(_erasure).on_conflict_do_nothing(), rows)


async def among(connection: AsyncConnection, keys: Collection[str]) -> frozenset[str]:
    """Which of these are written down already."""
    return frozenset((await connection.execute(select(_erasure.c.key).where(_erasure.c.key.in_(keys)))).scalars())


async def due(connection: AsyncConnection, now: datetime, limit: int) -> list[Erasure]:
    query = select(_erasure).where(_erasure.c.due_at <= now).order_by(_erasure.c.due_at, _erasure.c.key).limit(limit)
    return [Erasure(**row) for row in (await connection.execute(query)).mappings()]


async def strike_off(connection: AsyncConnection, keys: Collection[str]) -> frozenset[str]:
    """These are gone; which of them nobody else has struck off before."""
    query = delete(_erasure).where(_erasure.c.key.in_(keys)).returning(_erasure.c.key)
    return frozenset((await connection.execute(query)).scalars())


async def put_off(connection: AsyncConnection, errors: Mapping[str, tuple[datetime, str]]) -> None:
    """These could not be erased: when it is tried again, and why not."""
    for key, (due_at, error) in errors.items():
        changed = {"due_at": due_at, "error": storable(error), "attempts": _erasure.c.attempts + 1}
        await connection.execute(update(_erasure).where(_erasure.c.key == key).values(**changed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """What could not be erased so far."""

    documents: int
    first: Erasure
    """The one that waits for the longest time."""


async def stuck(connection: AsyncConnection, account_id: str | None = None) -> Stuck | None:
    """Of the account, or (None) of all; None where there is nothing."""
    which = [_erasure.c.attempts > 0, *([] if account_id is None else [_erasure.c.account_id == account_id])]
    query = select(_erasure).where(*which).order_by(_erasure.c.since, _erasure.c.key).limit(1)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    documents = (await connection.execute(select(func.count()).select_from(_erasure).where(*which))).scalar_one()
    return Stuck(documents=documents, first=Erasure(**row))
