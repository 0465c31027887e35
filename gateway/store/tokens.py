"""Tokens and keys of the API, by their hashes: a token itself is stored nowhere."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts import TOKEN, Token
from gateway.errors import NotFound
from gateway.ids import new_id
from gateway.store import tables
from gateway.store.listing import Window, within

_token = tables.token


def hashed(token: str) -> str:
    """What is stored of a token. Tokens are random and long, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def add(
    connection: AsyncConnection,
    token: str,
    account_id: str | None,
    scopes: Sequence[str],
    now: datetime,
    *,
    name: str = "",
    kind: str = TOKEN,
    expires_at: datetime | None = None,
    key_id: str | None = None,
) -> str:
    """Store a token (its hash) and return its id. `account_id` None makes a superuser's."""
    row = {
        "id": new_id(),
        "hash": hashed(token),
        "account_id": account_id,
        "name": name,
        "kind": kind,
        "scopes": list(scopes),
        "key_id": key_id,
        "created_at": now,
        "expires_at": expires_at,
    }
    await connection.execute(delete(_token).where(_token.c.hash == row["hash"]))
    await connection.execute(insert(_token).values(row))
    return str(row["id"])


async def known(connection: AsyncConnection, given: str, now: datetime, *, kind: str = TOKEN) -> Token | None:
    """What is known of this token (or key); None for an unknown or expired one, and for one of the other kind."""
    # Looked up by its hash: the time this takes tells nothing about the token.
    query = select(_token).where(_token.c.hash == hashed(given), _token.c.kind == kind)
    row = (await connection.execute(query)).mappings().first()
    if row is None or (row["expires_at"] is not None and row["expires_at"] <= now):
        return None
    return _token_of(row)


async def page(connection: AsyncConnection, account_id: str, window: Window) -> list[Token]:
    """Tokens and keys of the account; what the keys were exchanged for is left out."""
    query = select(_token).where(_token.c.account_id == account_id, _token.c.key_id.is_(None))
    found = await connection.execute(within(query, window, _token.c.created_at, _token.c.id))
    return [_token_of(row) for row in found.mappings()]


async def find(connection: AsyncConnection, token_id: str, account_id: str) -> Token:
    """The token or key of the account. Raises NotFound."""
    query = select(_token).where(_token.c.id == token_id, _token.c.account_id == account_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("There is no such token.")
    return _token_of(row)


async def remove(connection: AsyncConnection, token_id: str) -> None:
    """Delete a token or key, and what the key was exchanged for."""
    await connection.execute(delete(_token).where(_token.c.id == token_id))


async def forget_expired(connection: AsyncConnection, key_id: str, now: datetime) -> None:
    """Delete the tokens that this key was exchanged for and that have expired."""
    await connection.execute(delete(_token).where(and_(_token.c.key_id == key_id, _token.c.expires_at <= now)))


def _token_of(row: RowMapping) -> Token:
    known = {name: value for name, value in row.items() if name != "hash"}
    return Token(**{**known, "scopes": tuple(row["scopes"])})
