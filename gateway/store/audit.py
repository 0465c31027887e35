"""The audit log as stored. Entries are written in the transaction of what they tell of."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit import AuditEntry
from gateway.store import tables
from gateway.store.columns import values
from gateway.store.listing import ALL, NEWEST, Fields, Only, Window, conditions, within

_audit = tables.audit

FIELDS: Fields = {
    "account_id": [_audit.c.account_id],
    "actor": [_audit.c.actor],
    "action": [_audit.c.action],
    "object": [_audit.c.object],
    "object_id": [_audit.c.object_id],
}


def add(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    if entries:
        connection.execute(insert(_audit), [values(entry, _audit) for entry in entries])


async def page(
    connection: AsyncConnection, account_id: str | None, window: Window = NEWEST, only: Only = ALL
) -> list[AuditEntry]:
    """Entries of the account, also of one that has been deleted, or (None) of all."""
    query = select(_audit).where(*conditions(only, FIELDS))
    if account_id is not None:
        query = query.where(_audit.c.account_id == account_id)
    query = within(query, window, _audit.c.at, _audit.c.id)
    return [AuditEntry(**row) for row in (await connection.execute(query)).mappings()]
