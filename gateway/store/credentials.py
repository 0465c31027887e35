"""Credentials: their hashes, and the peers that have logged in with them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts import Credential
from gateway.errors import Conflict, NotFound
from gateway.store import tables
from gateway.store.listing import Window, within

_credential = tables.credential

SHOWN = ("id", "account_id", "faxbox_id", "name", "created_at")


async def add(connection: AsyncConnection, credential: Credential, hashed: str) -> None:
    """Store a new credential. Raises Conflict where somebody has its name."""
    row = {name: getattr(credential, name) for name in SHOWN}
    try:
        await connection.execute(insert(_credential).values(**row, hash=hashed))
    except IntegrityError as error:
        raise Conflict(f"The name {credential.name} is taken.") from error


async def find(connection: AsyncConnection, credential_id: str, account_id: str) -> Credential:
    """The credential of the account. Raises NotFound."""
    query = select(_credential).where(_credential.c.id == credential_id, _credential.c.account_id == account_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("There is no such credential.")
    return _of(row)


async def by_name(
    connection: AsyncConnection, name: str, *, lock: bool = False
) -> tuple[Credential, str, tuple[str, ...]] | None:
    """The credential of this name, its hash, and the peers that have logged in with it; None where there is none.
    `lock` keeps it from being changed by another transaction."""
    query = select(_credential).where(_credential.c.name == name)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else (_of(row), row["hash"], tuple(row["peers"]))


async def count(connection: AsyncConnection) -> int:
    """How many there are in the installation."""
    return (await connection.execute(select(func.count()).select_from(_credential))).scalar_one()


async def page(connection: AsyncConnection, account_id: str, window: Window) -> list[Credential]:
    query = within(_of_account(account_id), window, _credential.c.created_at, _credential.c.id)
    return [_of(row) for row in (await connection.execute(query)).mappings()]


async def of_account(connection: AsyncConnection, account_id: str) -> list[Credential]:
    """All of the account, by name."""
    query = _of_account(account_id).order_by(_credential.c.name)
    return [_of(row) for row in (await connection.execute(query)).mappings()]


async def of_faxbox(connection: AsyncConnection, faxbox_id: str) -> list[Credential]:
    """Those that send through this faxbox alone."""
    query = select(_credential).where(_credential.c.faxbox_id == faxbox_id).order_by(_credential.c.id)
    return [_of(row) for row in (await connection.execute(query)).mappings()]


async def change_hash(connection: AsyncConnection, credential_id: str, hashed: str) -> None:
    """Another password: who has logged in with the one before is a stranger again."""
    changed = update(_credential).where(_credential.c.id == credential_id).values(hash=hashed, peers=[])
    await connection.execute(changed)


async def set_peers(connection: AsyncConnection, credential_id: str, peers: Sequence[str]) -> None:
    await connection.execute(update(_credential).where(_credential.c.id == credential_id).values(peers=list(peers)))


async def remove(connection: AsyncConnection, credential_id: str) -> None:
    await connection.execute(delete(_credential).where(_credential.c.id == credential_id))


def _of_account(account_id: str) -> Select[Any]:
    return select(_credential).where(_credential.c.account_id == account_id)


def _of(row: RowMapping) -> Credential:
    return Credential(**{name: row[name] for name in SHOWN})
