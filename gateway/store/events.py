"""Live events: a row for every change of a fax's status and of its progress, written in the transaction of the change.

A reader goes on from the last number it has seen, so a lower number must never become visible after a higher one of the
same account. Numbers are therefore given at the end of the transaction, in the order of the commits: on SQLite there is
one writer; on PostgreSQL the account's lock is held from before the number until after the commit. The lock is the last
thing that a transaction takes (`Store` calls `write` just before it commits), so that nobody waits for anything else
while holding it, and it can be in no deadlock.

Events hold no content, and are kept for a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Fax, Status
from gateway.store import tables

_event = tables.event

STATUS, PROGRESS = "status", "progress"
"""The kinds."""

KEPT_FOR = timedelta(days=1)
KEPT = 100_000
"""Events kept at most, of all accounts together."""

_PENDING = "faxgate.events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    sequence: int
    account_id: str
    fax_id: str
    kind: str
    at: datetime
    data: dict[str, Any]
    """status, stage, page, pages, rate, ecm, error; `junk` where it is true."""


def begin(connection: Connection | AsyncConnection) -> None:
    """Called when a transaction that writes begins."""
    connection.info[_PENDING] = []


def pending(connection: Connection | AsyncConnection) -> bool:
    """Whether the transaction has something to write."""
    return bool(connection.info[_PENDING])


def note(connection: Connection | AsyncConnection, fax: Fax, kind: str, at: datetime) -> None:
    """`fax` is now so. The event is written when the transaction ends, and forgotten when it is rolled back."""
    connection.info[_PENDING].append(
        {"account_id": fax.account_id, "fax_id": fax.id, "kind": kind, "at": at, "data": _data(fax)}
    )


def write(connection: Connection) -> None:
    """Give the noted events their numbers. The last statement before the commit."""
    rows = connection.info[_PENDING]
    if rows:
        _hold_places(connection, sorted({row["account_id"] for row in rows}))
        connection.execute(insert(_event), rows)


async def after(connection: AsyncConnection, account_id: str, sequence: int, limit: int) -> list[Event]:
    """The account's events behind `sequence`, the oldest first."""
    query = select(_event).where(_event.c.account_id == account_id, _event.c.sequence > sequence)
    rows = await connection.execute(query.order_by(_event.c.sequence).limit(limit))
    return [Event(**row) for row in rows.mappings()]


async def position(connection: AsyncConnection, account_id: str) -> int:
    """A number up to which every event of the account is visible, and above which every later one will be."""
    # One that has its number but is not committed yet holds the lock.
    await connection.run_sync(_hold_places, [account_id])
    found: int | None = (await connection.execute(select(func.max(_event.c.sequence)))).scalar()
    return found or 0


async def is_gone(connection: AsyncConnection, sequence: int) -> bool:
    """Whether events behind `sequence` may have been removed, or it was never given by this database."""
    oldest, newest = (await connection.execute(select(func.min(_event.c.sequence), func.max(_event.c.sequence)))).one()
    return sequence < (oldest or 1) - 1 or sequence > (newest or 0)


async def prune(connection: AsyncConnection, now: datetime, limit: int = 5000) -> int:
    """Remove at most `limit` of the oldest events that are out of date or too many; how many went.

    The newest always stays: it says how far the numbers have got.
    """
    newest: int = (await connection.execute(select(func.max(_event.c.sequence)))).scalar() or 0
    oldest = (
        select(_event.c.sequence, _event.c.at)
        .where(_event.c.sequence < newest)
        .order_by(_event.c.sequence)
        .limit(limit)
        .subquery()
    )
    gone = select(oldest.c.sequence).where(or_(oldest.c.at < now - KEPT_FOR, oldest.c.sequence <= newest - KEPT))
    return (await connection.execute(delete(_event).where(_event.c.sequence.in_(gone)))).rowcount


def _hold_places(connection: Connection, account_ids: Sequence[str]) -> None:
    """From here to the end of the transaction, nobody else gives events of these accounts their numbers."""
    if connection.dialect.name == "postgresql":
        # In the order of the locks themselves, so that two groups of mails for the same accounts do not cross.
        connection.execute(
            text(
                "SELECT pg_advisory_xact_lock(place) FROM (SELECT DISTINCT hashtextextended(id, 1) AS place"
                " FROM unnest(CAST(:ids AS text[])) AS id ORDER BY place OFFSET 0) AS places"
            ),
            {"ids": list(account_ids)},
        )


def _data(fax: Fax) -> dict[str, Any]:
    live = fax.progress
    # While a call runs, the result that is stored is the last call's.
    result = None if fax.status is Status.PROCESSING else fax.result
    return {
        **({"junk": True} if fax.junk else {}),
        "status": fax.status.value,
        "stage": live.stage if live else "",
        "page": live.page if live else result.pages if result else 0,
        "pages": live.pages if live else fax.pages,
        "rate": live.rate if live else result.rate if result else 0,
        "ecm": live.ecm if live else bool(result and result.ecm),
        "error": fax.error,
    }
