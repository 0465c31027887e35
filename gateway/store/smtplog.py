"""The smtplog as stored."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy import Connection, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import NotFound
from gateway.smtplog import SmtplogEntry
from gateway.store import tables
from gateway.store.columns import values
from gateway.store.listing import ALL, NEWEST, Fields, Only, Window, conditions, within

_smtplog = tables.smtplog
_entry = TypeAdapter(SmtplogEntry)

FIELDS: Fields = {
    "from": [_smtplog.c.sender],
    "faxbox_id": [_smtplog.c.faxbox_id],
    "status": [case((_smtplog.c.accepted, "accepted"), else_="refused")],
}


def add(connection: Connection, entries: Sequence[SmtplogEntry]) -> None:
    if entries:
        rows = [{**values(entry, _smtplog), "entry": entry} for entry in entries]
        connection.execute(insert(_smtplog), rows)


async def find(connection: AsyncConnection, entry_id: str, account_id: str | None) -> SmtplogEntry:
    """The entry; of one account, or (None) of any, for the superuser. Raises NotFound."""
    query = select(_smtplog.c.entry).where(_smtplog.c.id == entry_id)
    if account_id is not None:
        query = query.where(_smtplog.c.account_id == account_id)
    found = (await connection.execute(query)).scalar()
    if found is None:
        raise NotFound(f"There is no smtplog entry {entry_id}.")
    return _entry.validate_python(found)


async def page(
    connection: AsyncConnection, account_id: str | None, window: Window = NEWEST, only: Only = ALL
) -> list[SmtplogEntry]:
    """Entries of the account, or (None) those that belong to none."""
    query = select(_smtplog.c.entry).where(_smtplog.c.account_id == account_id, *conditions(only, FIELDS))
    rows = (await connection.execute(within(query, window, _smtplog.c.received_at, _smtplog.c.id))).scalars()
    return [_entry.validate_python(row) for row in rows]


async def latest(connection: AsyncConnection, most: int) -> list[SmtplogEntry]:
    """The latest entries, of all accounts."""
    query = select(_smtplog.c.entry).order_by(_smtplog.c.id.desc()).limit(most)  # an id begins with its time
    return [_entry.validate_python(entry) for entry in (await connection.execute(query)).scalars()]


async def blank(connection: AsyncConnection, entry_id: str) -> None:
    """Take what tells of content out of an entry whose faxes have been removed: the subject, the attachments' names."""
    found = (await connection.execute(select(_smtplog.c.entry).where(_smtplog.c.id == entry_id))).scalar()
    if found is None:
        return  # the faxes did not come by mail
    entry = _entry.validate_python(found)
    entry.subject = ""
    for attachment in entry.attachments:
        attachment.name = ""
    await connection.execute(update(_smtplog).where(_smtplog.c.id == entry_id).values(entry=entry))
