"""Accounts, faxboxes, their domains and numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts import Account, Faxbox, Number, Scanner
from gateway.errors import Conflict, NotFound
from gateway.fax import ENDED
from gateway.store import notices, tables
from gateway.store.columns import values
from gateway.store.listing import Window, within

_account, _faxbox, _domain, _number = tables.account, tables.faxbox, tables.domain, tables.number

# Accounts


async def add_account(connection: AsyncConnection, account: Account) -> None:
    """Store a new account with its domains. Raises Conflict when a domain belongs to somebody already."""
    await connection.execute(insert(_account).values(values(account, _account)))
    for name in account.domains:
        await _take_domain(connection, name, account.id)


async def account(connection: AsyncConnection, account_id: str, *, lock: bool = False) -> Account:
    """The account. Raises NotFound. `lock` keeps it, and all that belongs to it, from being changed by another
    transaction meanwhile: every change begins with it."""
    found = await _accounts(connection, select(_account).where(_account.c.id == account_id), lock=lock)
    if not found:
        raise NotFound(f"There is no account {account_id}.")
    return found[0]


async def keep_in_place(connection: AsyncConnection, account_id: str) -> None:
    """Let nobody remove the account, or put it below another, meanwhile. Raises NotFound. Its faxes are entered all the
    same (`gateway.store.ledger`): they hold it and those below it, in an order of their own."""
    query = select(_account.c.id).where(_account.c.id == account_id).with_for_update(key_share=True)
    if (await connection.execute(query)).first() is None:
        raise NotFound(f"There is no account {account_id}.")


async def all_accounts(connection: AsyncConnection) -> list[Account]:
    return await _accounts(connection, select(_account).order_by(_account.c.id))


async def account_ids(connection: AsyncConnection) -> Sequence[str]:
    return (await connection.execute(select(_account.c.id).order_by(_account.c.id))).scalars().all()


async def accounts_by_name(connection: AsyncConnection, name: str) -> Sequence[str]:
    return (await connection.execute(select(_account.c.id).where(_account.c.name == name))).scalars().all()


async def account_page(connection: AsyncConnection, root_id: str | None, window: Window) -> list[Account]:
    """Accounts: all, or `root_id` and those below it."""
    query = select(_account)
    if root_id is not None:
        query = query.where(_account.c.id.in_(_ids_within(root_id)))
    return await _accounts(connection, within(query, window, _account.c.created_at, _account.c.id))


async def above(connection: AsyncConnection, account_id: str) -> int:
    """How many accounts are above one another there, with this one."""
    up = select(_account.c.id, _account.c.parent_id).where(_account.c.id == account_id).cte("up", recursive=True)
    up = up.union(select(_account.c.id, _account.c.parent_id).where(_account.c.id == up.c.parent_id))
    return (await connection.execute(select(func.count()).select_from(up))).scalar_one()


async def ids_within(connection: AsyncConnection, account_id: str) -> Sequence[str]:
    """The account and all that are below it."""
    ids: Sequence[str] = (await connection.execute(_ids_within(account_id))).scalars().all()
    return ids


def _ids_within(account_id: str) -> Select[Any]:
    tree = select(_account.c.id).where(_account.c.id == account_id).cte("tree", recursive=True)
    # UNION, not UNION ALL: it ends even if the parents should form a ring.
    tree = tree.union(select(_account.c.id).where(_account.c.parent_id == tree.c.id))
    return select(tree.c.id)


async def change_account(connection: AsyncConnection, before: Account, after: Account) -> None:
    """Store what has changed of a locked account. Raises Conflict when a domain belongs to somebody already."""
    await connection.execute(update(_account).where(_account.c.id == after.id).values(values(after, _account)))
    for name in set(before.domains) - set(after.domains):
        await connection.execute(delete(_domain).where(_domain.c.name == name))
    for name in after.domains:
        if name not in before.domains:
            await _take_domain(connection, name, after.id)


async def delete_account(connection: AsyncConnection, account_id: str) -> None:
    """Delete a locked account with its faxboxes, domains, numbers and tokens."""
    await connection.execute(delete(_account).where(_account.c.id == account_id))


async def _accounts(connection: AsyncConnection, query: Select[Any], *, lock: bool = False) -> list[Account]:
    rows = (await connection.execute(query.with_for_update() if lock else query)).mappings().all()
    owned = select(_domain).where(_domain.c.faxbox_id.is_(None)).order_by(_domain.c.name)
    owned = owned.where(_domain.c.account_id.in_([row["id"] for row in rows]))
    domains: dict[str, list[str]] = {}
    for row in (await connection.execute(owned)).mappings():
        domains.setdefault(row["account_id"], []).append(row["name"])
    return [
        Account(
            **{
                **row,
                "domains": tuple(domains.get(row["id"], ())),
                "signing_domains": tuple(row["signing_domains"]),
                "trusted_networks": tuple(row["trusted_networks"]),
                "blocked_callers": tuple(row["blocked_callers"]),
                "allowed_callers": tuple(row["allowed_callers"]),
                "number_rules": _rules(row),
            }
        )
        for row in rows
    ]


def _rules(row: RowMapping) -> dict[str, tuple[str, ...]]:
    return {name: tuple(entries) for name, entries in row["number_rules"].items()}


# Domains


async def domain_owner(connection: AsyncConnection, names: Iterable[str]) -> str | None:
    """The account that was assigned the longest of these domains; None where nobody was assigned any."""
    query = select(_domain.c.account_id).where(_domain.c.name.in_(list(names)), _domain.c.faxbox_id.is_(None))
    found: str | None = (await connection.execute(query.order_by(func.length(_domain.c.name).desc()))).scalar()
    return found


async def served(connection: AsyncConnection, domain: str) -> tuple[Account, list[Faxbox]] | None:
    """The account that owns `domain` and the faxboxes that mail to it may use; None where nobody owns it."""
    row = (await connection.execute(select(_domain).where(_domain.c.name == domain))).mappings().first()
    if row is None:
        return None
    owner = await account(connection, row["account_id"])
    if row["faxbox_id"] is not None:
        return owner, [await faxbox(connection, row["faxbox_id"])]
    return owner, await faxboxes(connection, owner.id)


async def _take_domain(
    connection: AsyncConnection, name: str, account_id: str, faxbox_id: str | None = None, *, generated: bool = False
) -> None:
    row = {"name": name, "account_id": account_id, "faxbox_id": faxbox_id, "generated": generated}
    try:
        await connection.execute(insert(_domain).values(row))
    except IntegrityError as error:
        raise Conflict(f"The domain {name} is taken.") from error


# Faxboxes


async def add_faxbox(connection: AsyncConnection, box: Faxbox) -> None:
    """Store a new faxbox with its numbers. Raises Conflict when a number or its domain belongs to somebody already."""
    await connection.execute(insert(_faxbox).values(values(box, _faxbox)))
    for position, number in enumerate(box.numbers):
        await _take_number(connection, number, box.account_id, box.id, position)
    await _take_faxbox_domains(connection, box)


async def faxbox(connection: AsyncConnection, faxbox_id: str, account_id: str | None = None) -> Faxbox:
    """The faxbox, of `account_id` alone where that is given. Raises NotFound."""
    found = await _faxboxes(connection, select(_faxbox).where(_faxbox.c.id == faxbox_id))
    if not found or account_id not in (None, found[0].account_id):
        raise NotFound(f"There is no faxbox {faxbox_id}.")
    return found[0]


async def known_faxbox(connection: AsyncConnection, faxbox_id: str | None) -> Faxbox | None:
    """The faxbox; None where there is none, or none any more."""
    found = await _faxboxes(connection, select(_faxbox).where(_faxbox.c.id == faxbox_id)) if faxbox_id else []
    return found[0] if found else None


async def faxboxes(connection: AsyncConnection, account_id: str) -> list[Faxbox]:
    """All faxboxes of the account, the oldest first."""
    return await _faxboxes(connection, select(_faxbox).where(_faxbox.c.account_id == account_id).order_by(_faxbox.c.id))


async def faxbox_page(connection: AsyncConnection, account_id: str, window: Window) -> list[Faxbox]:
    query = select(_faxbox).where(_faxbox.c.account_id == account_id)
    return await _faxboxes(connection, within(query, window, _faxbox.c.created_at, _faxbox.c.id))


async def faxbox_by_number(connection: AsyncConnection, number: str) -> Faxbox | None:
    """The faxbox that answers an E.164 number, in any account."""
    query = select(_number.c.faxbox_id).where(_number.c.number == number, _number.c.faxbox_id.is_not(None))
    faxbox_id = (await connection.execute(query)).scalar()
    return None if faxbox_id is None else await faxbox(connection, faxbox_id)


async def change_faxbox(connection: AsyncConnection, box: Faxbox) -> None:
    """Store a faxbox of a locked account, but for its numbers. Raises Conflict when its domain belongs to somebody."""
    await connection.execute(update(_faxbox).where(_faxbox.c.id == box.id).values(values(box, _faxbox)))
    await connection.execute(delete(_domain).where(_domain.c.faxbox_id == box.id))
    await _take_faxbox_domains(connection, box)


async def delete_faxbox(connection: AsyncConnection, faxbox_id: str) -> None:
    """Delete a faxbox; its numbers stay with the account."""
    await connection.execute(delete(_faxbox).where(_faxbox.c.id == faxbox_id))


async def busy(connection: AsyncConnection, *, account_id: str | None = None, faxbox_id: str | None = None) -> bool:
    """Whether anything of the account (or faxbox) is in progress: a fax that has not ended, or a notice of one that
    has not left."""
    fax, notice = tables.fax, tables.notice
    own = fax.c.account_id == account_id if faxbox_id is None else fax.c.faxbox_id == faxbox_id
    under_way = select(fax.c.id).where(own, fax.c.status.not_in(ENDED))
    untold = select(fax.c.id).join(notice, notice.c.fax_id == fax.c.id).where(own, notice.c.state == notices.PENDING)
    return any([(await connection.execute(query.limit(1))).first() for query in (under_way, untold)])


async def _take_faxbox_domains(connection: AsyncConnection, box: Faxbox) -> None:
    if box.address_domain:
        await _take_domain(connection, box.address_domain, box.account_id, box.id)
    if box.generated_domain:
        await _take_domain(connection, box.generated_domain, box.account_id, box.id, generated=True)


async def _faxboxes(connection: AsyncConnection, query: Select[Any]) -> list[Faxbox]:
    rows = (await connection.execute(query)).mappings().all()
    ids = [row["id"] for row in rows]
    owned = select(_number).where(_number.c.faxbox_id.in_(ids)).order_by(_number.c.position, _number.c.number)
    numbers: dict[str, list[str]] = {}
    for row in (await connection.execute(owned)).mappings():
        numbers.setdefault(row["faxbox_id"], []).append(row["number"])
    addressed = await connection.execute(select(_domain).where(_domain.c.faxbox_id.in_(ids)))
    domains = {(row["faxbox_id"], row["generated"]): row["name"] for row in addressed.mappings()}
    return [
        _box(row, numbers.get(row["id"], []), domains.get((row["id"], False), ""), domains.get((row["id"], True), ""))
        for row in rows
    ]


_LISTS = (
    "permits",
    "inbound_email",
    "outbound_email",
    "mail_options",
    "trusted_networks",
    "blocked_callers",
    "allowed_callers",
)


def _box(row: RowMapping, numbers: list[str], address_domain: str, generated_domain: str) -> Faxbox:
    lists = {name: tuple(row[name]) for name in _LISTS}
    lists["scanners"] = tuple(Scanner(**scanner) for scanner in row["scanners"])
    domains = {"address_domain": address_domain, "generated_domain": generated_domain}
    return Faxbox(**{**row, **lists, **domains, "numbers": tuple(numbers), "number_rules": _rules(row)})


# Numbers


async def numbers(connection: AsyncConnection, account_id: str) -> list[Number]:
    """All numbers of the account, in order."""
    query = select(_number).where(_number.c.account_id == account_id).order_by(_number.c.number)
    return [_numbered(row) for row in (await connection.execute(query)).mappings()]


async def number(connection: AsyncConnection, number: str, account_id: str | None = None) -> Number:
    """The number, of the account or of any. Raises NotFound."""
    row = (await connection.execute(select(_number).where(_number.c.number == number))).mappings().first()
    if row is None or account_id not in (None, row["account_id"]):
        raise NotFound(f"There is no number {number} in this account.")
    return _numbered(row)


async def add_number(connection: AsyncConnection, number: Number) -> None:
    """Give a locked account a number. Raises Conflict when somebody has it already."""
    await _take_number(connection, number.id, number.account_id, None, 0)
    await bind_number(connection, replaced=None, number=number)


async def bind_number(connection: AsyncConnection, *, replaced: str | None, number: Number) -> None:
    """Let `number` be answered by its faxbox, as the last of that box's numbers, and no longer by `replaced`. Both
    boxes get another revision, as their numbers are part of them."""
    if number.faxbox_id == replaced:
        return
    last = select(func.coalesce(func.max(_number.c.position) + 1, 0)).where(_number.c.faxbox_id == number.faxbox_id)
    row = {"faxbox_id": number.faxbox_id, "position": (await connection.execute(last)).scalar_one()}
    await connection.execute(update(_number).where(_number.c.number == number.id).values(row))
    await touch_faxboxes(connection, replaced, number.faxbox_id)


async def delete_number(connection: AsyncConnection, number: Number) -> None:
    await connection.execute(delete(_number).where(_number.c.number == number.id))
    await touch_faxboxes(connection, number.faxbox_id)


async def touch_faxboxes(connection: AsyncConnection, *ids: str | None) -> None:
    """Give these faxboxes another revision."""
    touched = update(_faxbox).where(_faxbox.c.id.in_([one for one in ids if one is not None]))
    await connection.execute(touched.values(revision=_faxbox.c.revision + 1))


def _numbered(row: RowMapping) -> Number:
    return Number(id=row["number"], account_id=row["account_id"], faxbox_id=row["faxbox_id"])


async def _take_number(
    connection: AsyncConnection, number: str, account_id: str, faxbox_id: str | None, position: int
) -> None:
    row = {"number": number, "account_id": account_id, "faxbox_id": faxbox_id, "position": position}
    try:
        await connection.execute(insert(_number).values(row))
    except IntegrityError as error:
        raise Conflict(f"The number {number} is taken.") from error
