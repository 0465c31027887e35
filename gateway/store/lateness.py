"""Which faxes take long and have not been told of."""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Direction, Fax, Status
from gateway.store import tables
from gateway.store.faxes import from_row

_fax = tables.fax

_ON_ITS_WAY = (Status.ATTACHING_FILES, Status.PENDING, Status.PROCESSING)


async def claim(connection: AsyncConnection, since: datetime, now: datetime, most: int) -> list[Fax]:
    """Up to `most` faxes that could have been dialled since then and are not through: they count as told of from now
    on, in every process. One whose cancelling was asked for is no longer waited for."""
    late = (
        _fax.c.direction == Direction.OUTBOUND,
        _fax.c.status.in_(_ON_ITS_WAY),
        _fax.c.told_late_at.is_(None),
        _fax.c.created_at <= since,
        or_(_fax.c.send_at.is_(None), _fax.c.send_at <= since),
        ~_fax.c.cancel_requested,
    )
    found = select(_fax.c.id).where(*late).order_by(_fax.c.id).limit(most).with_for_update(skip_locked=True)
    claiming = update(_fax).where(_fax.c.id.in_(found), *late).values(told_late_at=now).returning(_fax)
    return [from_row(row) for row in (await connection.execute(claiming)).mappings()]
