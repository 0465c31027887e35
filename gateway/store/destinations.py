"""With what means faxes get through to a destination, where the plain ones are not those."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Means
from gateway.means import REMEMBERED_FOR, Remembered
from gateway.store import tables

_destination = tables.destination


async def find(connection: AsyncConnection, account_id: str, number: str) -> Remembered | None:
    query = select(_destination).where(_destination.c.account_id == account_id, _destination.c.number == number)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Remembered(Means(v17=row["v17"], t38=row["t38"]), row["at"])


async def remember(connection: AsyncConnection, account_id: str, number: str, found: Remembered | None) -> None:
    """From now on it is this, or nothing."""
    if found is None:
        await connection.execute(
            delete(_destination).where(_destination.c.account_id == account_id, _destination.c.number == number)
        )
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    means = {"v17": found.means.v17, "t38": bool(found.means.t38), "at": found.at}
    added = dialect.insert(_destination).values(account_id=account_id, number=number, **means)
    await connection.execute(added.on_conflict_do_update(index_elements=["account_id", "number"], set_=means))


async def prune(connection: AsyncConnection, now: datetime) -> None:
    """Forget what is not used any more."""
    await connection.execute(delete(_destination).where(_destination.c.at <= now - REMEMBERED_FOR))
