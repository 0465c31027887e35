"""Accounts, faxboxes, their domains, numbers and tokens."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts import Account, Faxbox
from gateway.errors import Conflict, NotFound
from gateway.ids import new_id
from gateway.store import tables
from gateway.store.tables import values

_account, _faxbox, _domain, _number, _token = (
    tables.account,
    tables.faxbox,
    tables.domain,
    tables.number,
    tables.token,
)


async def add_account(connection: AsyncConnection, account: Account) -> None:
    """Store a new account with its domains. Raises Conflict when a domain belongs to somebody already."""
    await connection.execute(insert(_account).values(values(account, _account)))
    for name in account.domains:
        await _take_domain(connection, name, account.id, None)


async def add_faxbox(connection: AsyncConnection, box: Faxbox) -> None:
    """Store a new faxbox with its numbers. Raises Conflict when a number or its domain belongs to somebody already."""
    await connection.execute(insert(_faxbox).values(values(box, _faxbox)))
    for position, number in enumerate(box.numbers):
        row = {"number": number, "account_id": box.account_id, "faxbox_id": box.id, "position": position}
        try:
            await connection.execute(insert(_number).values(row))
        except IntegrityError as error:
            raise Conflict(f"The number {number} is taken.") from error
    if box.address_domain:
        await _take_domain(connection, box.address_domain, box.account_id, box.id)


async def _take_domain(connection: AsyncConnection, name: str, account_id: str, faxbox_id: str | None) -> None:
    row = {"name": name, "account_id": account_id, "faxbox_id": faxbox_id}
    try:
        await connection.execute(insert(_domain).values(row))
    except IntegrityError as error:
        raise Conflict(f"The domain {name} is taken.") from error


async def account(connection: AsyncConnection, account_id: str) -> Account:
    """The account. Raises NotFound."""
    row = (await connection.execute(select(_account).where(_account.c.id == account_id))).mappings().first()
    if row is None:
        raise NotFound(f"There is no account {account_id}.")
    own = select(_domain.c.name).where(_domain.c.account_id == account_id, _domain.c.faxbox_id.is_(None))
    domains = (await connection.execute(own.order_by(_domain.c.name))).scalars().all()
    return Account(**{**row, "domains": tuple(domains)})


async def account_ids(connection: AsyncConnection) -> Sequence[str]:
    return (await connection.execute(select(_account.c.id).order_by(_account.c.id))).scalars().all()


async def accounts_by_name(connection: AsyncConnection, name: str) -> Sequence[str]:
    return (await connection.execute(select(_account.c.id).where(_account.c.name == name))).scalars().all()


async def faxbox(connection: AsyncConnection, faxbox_id: str) -> Faxbox:
    """The faxbox. Raises NotFound."""
    found = await _faxboxes(connection, _faxbox.c.id == faxbox_id)
    if not found:
        raise NotFound(f"There is no faxbox {faxbox_id}.")
    return found[0]


async def faxboxes(connection: AsyncConnection, account_id: str) -> list[Faxbox]:
    """All faxboxes of the account, the oldest first."""
    return await _faxboxes(connection, _faxbox.c.account_id == account_id)


async def served(connection: AsyncConnection, domain: str) -> tuple[Account, list[Faxbox]] | None:
    """The account that owns `domain` and the faxboxes that mail to it may use; None where nobody owns it."""
    row = (await connection.execute(select(_domain).where(_domain.c.name == domain))).mappings().first()
    if row is None:
        return None
    owner = await account(connection, row["account_id"])
    if row["faxbox_id"] is not None:
        return owner, [await faxbox(connection, row["faxbox_id"])]
    return owner, await faxboxes(connection, owner.id)


async def faxbox_by_number(connection: AsyncConnection, number: str) -> Faxbox | None:
    """The faxbox that answers an E.164 number, in any account."""
    query = select(_number.c.faxbox_id).where(_number.c.number == number, _number.c.faxbox_id.is_not(None))
    faxbox_id = (await connection.execute(query)).scalar()
    return None if faxbox_id is None else await faxbox(connection, faxbox_id)


async def _faxboxes(connection: AsyncConnection, condition: Any) -> list[Faxbox]:
    rows = (await connection.execute(select(_faxbox).where(condition).order_by(_faxbox.c.id))).mappings().all()
    ids = [row["id"] for row in rows]
    owned = select(_number).where(_number.c.faxbox_id.in_(ids)).order_by(_number.c.position, _number.c.number)
    numbers: dict[str, list[str]] = {}
    for row in (await connection.execute(owned)).mappings():
        numbers.setdefault(row["faxbox_id"], []).append(row["number"])
    addressed = select(_domain.c.faxbox_id, _domain.c.name).where(_domain.c.faxbox_id.in_(ids))
    domains: Mapping[str, str] = dict((await connection.execute(addressed)).all())
    return [_box(row, numbers.get(row["id"], []), domains.get(row["id"], "")) for row in rows]


def _box(row: RowMapping, numbers: list[str], address_domain: str) -> Faxbox:
    lists = {name: tuple(row[name]) for name in ("permits", "inbound_email", "outbound_email")}
    return Faxbox(**{**row, **lists, "numbers": tuple(numbers), "address_domain": address_domain})


def hashed(token: str) -> str:
    """What is stored of a token. Tokens are random and long, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


async def add_token(
    connection: AsyncConnection, token: str, account_id: str | None, scopes: Sequence[str], now: datetime
) -> str:
    """Store a token (its hash) and return its id. `account_id` None makes a superuser's."""
    row = {
        "id": new_id(),
        "hash": hashed(token),
        "account_id": account_id,
        "scopes": list(scopes),
        "created_at": now,
        "expires_at": None,
    }
    await connection.execute(delete(_token).where(_token.c.hash == row["hash"]))
    await connection.execute(insert(_token).values(row))
    return str(row["id"])


async def token(connection: AsyncConnection, given: str, now: datetime) -> tuple[str | None, tuple[str, ...]] | None:
    """Whose token this is: (account id or None for the superuser, scopes); None for an unknown or expired one."""
    # Looked up by its hash: the time this takes tells nothing about the token.
    row = (await connection.execute(select(_token).where(_token.c.hash == hashed(given)))).mappings().first()
    if row is None or (row["expires_at"] is not None and row["expires_at"] <= now):
        return None
    return row["account_id"], tuple(row["scopes"])
