"""Requests that clients have named (`Idempotency-Key`), and the fax that each has made.

The row is written in the transaction of the fax. The primary key is the limit: of two requests with one name, one waits
for the other's commit and then finds its fax. A name is kept for a day; the removal of the fax does not free it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict, FaxgateError
from gateway.store import tables

_idempotency = tables.idempotency

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A request with a name."""

    account_id: str
    key: str
    """As the client gave it."""
    digest: str
    """SHA-256 of what was asked for, in hex."""
    fax_id: str = ""
    """What it has made."""


def take(connection: Connection, once: Once, now: datetime) -> Once | None:
    """Give the name to `once`; the request that has it already, if one has."""
    connection.execute(delete(_idempotency).where(_idempotency.c.created_at < now - KEPT_FOR))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {
        "account_id": once.account_id,
        "key": once.key,
        "digest": once.digest,
        "fax_id": once.fax_id,
        "created_at": now,
    }
    query = dialect.insert(_idempotency).values(row).on_conflict_do_nothing().returning(_idempotency.c.key)
    if connection.execute(query).first() is not None:
        return None
    taken = select(_idempotency).where(_idempotency.c.account_id == once.account_id, _idempotency.c.key == once.key)
    found = connection.execute(taken).mappings().one()
    return Once(account_id=once.account_id, key=once.key, digest=found["digest"], fax_id=found["fax_id"])


def give_back(connection: Connection, names: Iterable[Once]) -> None:
    """Free the names of requests that were refused: made again, they are new."""
    for once in names:
        own = (_idempotency.c.account_id == once.account_id, _idempotency.c.key == once.key)
        connection.execute(delete(_idempotency).where(*own))


async def find(connection: AsyncConnection, once: Once, now: datetime) -> Once | None:
    """The request that has this name."""
    query = select(_idempotency).where(
        _idempotency.c.account_id == once.account_id,
        _idempotency.c.key == once.key,
        _idempotency.c.created_at >= now - KEPT_FOR,
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Once(**{name: row[name] for name in ("account_id", "key", "digest", "fax_id")})


def refusal(first: Once, again: Once) -> FaxgateError | None:
    """Why the second request of a name cannot be answered with the fax of the first."""
    if first.digest == again.digest:
        return None
    return Conflict("This Idempotency-Key was given to another request; a new request needs a new key.")
