"""Secrets that the installation makes for itself: every process has the same, and they last as long as the database."""

import secrets

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tables

_key = tables.installation_key

BOUNCES = "bounces"


async def key(connection: AsyncConnection, name: str) -> bytes:
    """The key of this name, 32 octets; made when it is first asked for."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    made = dialect.insert(_key).values(name=name, value=secrets.token_hex(32))
    await connection.execute(made.on_conflict_do_nothing())
    found = (await connection.execute(select(_key.c.value).where(_key.c.name == name))).scalar_one()
    return bytes.fromhex(found)
