"""What of an account is old enough to go (`gateway.retention`)."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import ENDED, Direction
from gateway.store import tables
from gateway.store.notices import PENDING

_fax, _notice, _smtplog = tables.fax, tables.notice, tables.smtplog


async def ended_before(
    connection: AsyncConnection, account_id: str, before: datetime, after: str, limit: int
) -> list[tuple[str, Direction]]:
    """Faxes (id, direction) that had ended by then and of which nobody has still to be told, those with an id behind
    `after`, in the order of the ids."""
    waiting = select(_notice.c.id).where(_notice.c.fax_id == _fax.c.id, _notice.c.state == PENDING)
    query = (
        select(_fax.c.id, _fax.c.direction)
        .where(
            _fax.c.account_id == account_id,
            _fax.c.direction.in_(list(Direction)),
            _fax.c.status.in_(ENDED),
            _fax.c.created_at < before,  # for the index: nothing ends before it begins
            _fax.c.ended_at < before,
            _fax.c.id > after,
            ~waiting.exists(),
        )
        .order_by(_fax.c.id)
        .limit(limit)
    )
    return [(fax_id, Direction(direction)) for fax_id, direction in (await connection.execute(query)).all()]


async def forget_mails(connection: AsyncConnection, account_id: str, before: datetime) -> None:
    """Remove the smtplog entries of mails that came before then and have no fax any more, and the account's notices
    that are of no fax."""
    faxes = select(_fax.c.id).where(_fax.c.submission_id == _smtplog.c.id)
    old = (_smtplog.c.account_id == account_id, _smtplog.c.received_at < before)
    await connection.execute(delete(_smtplog).where(*old, ~faxes.exists()))
