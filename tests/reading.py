"""What tests read of the store that nothing else does."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Direction, Fax
from gateway.store import faxes, tables


async def all_faxes(connection: AsyncConnection, account_id: str, direction: Direction) -> list[Fax]:
    """Every fax of the account, the oldest first."""
    fax = tables.fax
    query = select(fax.c.id).where(fax.c.account_id == account_id, fax.c.direction == direction).order_by(fax.c.id)
    return [await faxes.find(connection, fax_id) for fax_id in (await connection.execute(query)).scalars().all()]
