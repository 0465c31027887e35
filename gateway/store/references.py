"""Which documents the rows name: whoever adds a column that holds a key of a document adds it here."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables

_fax = tables.fax


async def named_since(
    connection: AsyncConnection, since: datetime, after: str, limit: int
) -> tuple[set[str], str | None]:
    """The keys in the next `limit` faxes behind the id `after` that have changed since then, and the last of these ids;
    None when there are no more."""
    query = (
        select(_fax.c.id, _fax.c.pdf_key, _fax.c.image_key, _fax.c.documents)
        .where(_fax.c.id > after, _fax.c.updated_at >= since)
        .order_by(_fax.c.id)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    keys = {key for row in rows for key in (row.pdf_key, row.image_key, *(one["key"] for one in row.documents)) if key}
    return keys, rows[-1].id if len(rows) == limit else None
