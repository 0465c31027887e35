"""The lists: faxes, calls and mails of an account, in the order of their time, one window after the other.

A window begins at a place (time and id), not after a count, so that it stays what it was while rows are added and
removed before it. Faxes of several states are read from one index, a range of it for each state, and merged: a list
costs its window, not its table, and a single state costs no more than all of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, not_, or_, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Direction, Status
from gateway.store import tables
from gateway.store.columns import storable

_fax = tables.fax


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in a list."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a list."""

    start: Place | None = None
    """The first row of the window, or where it was."""
    limit: int = 50
    ascending: bool = False
    """Oldest first."""
    since: datetime | None = None
    until: datetime | None = None
    """Rows of a time from `since`, and before `until`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Which rows of a list: by the names that its table of fields knows."""

    equal: Mapping[str, str | bool] = field(default_factory=dict)
    different: Mapping[str, str | bool] = field(default_factory=dict)
    present: Collection[str] = ()
    absent: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class ListedFax:
    """What a list shows of a fax: a list of faxes as a whole would be read ten times as long."""

    id: str
    revision: int
    status: Status
    created_at: datetime
    from_number: str
    to_number: str


NEWEST, ALL = Window(), Only()

Fields = Mapping[str, Sequence[ColumnElement[Any]]]
"""Name -> the columns that may hold its value: one that does is enough."""

_LISTED = (_fax.c.id, _fax.c.revision, _fax.c.status, _fax.c.created_at, _fax.c.from_number, _fax.c.to_number)

S = TypeVar("S", bound=Select[Any])

FAX_FIELDS: Fields = {
    "from": [_fax.c.from_number],
    "from_name": [_fax.c.from_name],
    "from_number": [_fax.c.from_number],
    # As it was written, or as it is dialled: whoever asks may know either.
    "to": [_fax.c.to_number, _fax.c.destination],
    "to_name": [_fax.c.to_name],
    "to_number": [_fax.c.to_number, _fax.c.destination],
    "destination": [_fax.c.destination],
    "faxbox_id": [_fax.c.faxbox_id],
    "status": [_fax.c.status],
}
FAX_PRESENT: Mapping[str, ColumnElement[bool]] = {
    **{name: or_(*((column.is_not(None) & (column != "")) for column in found)) for name, found in FAX_FIELDS.items()},
    "delivered": _fax.c.status.in_([Status.COMPLETED, Status.RECEIVED, Status.PARTIAL]),
    "attachment": or_(_fax.c.pdf_key != "", _fax.c.image_key != ""),
    "error": _fax.c.error != "",
}


async def faxes(
    connection: AsyncConnection,
    account_id: str,
    direction: Direction,
    statuses: Collection[Status],
    window: Window = NEWEST,
    only: Only = ALL,
    *,
    junk: bool | None = None,
) -> list[ListedFax]:
    """Faxes of the account in these states; `junk` says whether they are those that are not wanted, or wanted."""
    of_account = and_(
        _fax.c.account_id == account_id,
        _fax.c.direction == direction,
        *conditions(only, FAX_FIELDS, FAX_PRESENT),
        *([] if junk is None else [text(tables.JUNK) if junk else _fax.c.junk == ""]),
    )
    ranges = [
        within(select(_fax.c.id, _fax.c.created_at), window, _fax.c.created_at, _fax.c.id)
        .where(of_account, _fax.c.status == status)
        .subquery()
        for status in sorted(statuses)
    ]
    if not ranges:
        return []
    merged = union_all(*(select(each.c.id, each.c.created_at) for each in ranges)).subquery()
    chosen = within(select(merged.c.id), window, merged.c.created_at, merged.c.id)
    query = in_order(select(*_LISTED).where(_fax.c.id.in_(chosen)), window, _fax.c.created_at, _fax.c.id)
    return [
        ListedFax(id_, revision, Status(status), *shown)
        for id_, revision, status, *shown in (await connection.execute(query)).all()
    ]


def within(query: S, window: Window, at: ColumnElement[Any], id_: ColumnElement[Any]) -> S:
    """`query` cut to the window, in its order."""
    if window.since is not None:
        query = query.where(at >= window.since)
    if window.until is not None:
        query = query.where(at < window.until)
    if (start := window.start) is not None:
        # The first condition is for the index, the second settles rows of the same time.
        if window.ascending:
            query = query.where(at >= start.at, or_(at > start.at, id_ >= start.id))
        else:
            query = query.where(at <= start.at, or_(at < start.at, id_ <= start.id))
    return in_order(query, window, at, id_).limit(window.limit)


def in_order(query: S, window: Window, at: ColumnElement[Any], id_: ColumnElement[Any]) -> S:
    return query.order_by(at, id_) if window.ascending else query.order_by(at.desc(), id_.desc())


def conditions(
    only: Only, fields: Fields, present: Mapping[str, ColumnElement[bool]] | None = None
) -> list[ColumnElement[bool]]:
    """The conditions of `only`. Names that the list does not know are a mistake of the caller (KeyError)."""
    known = present or {}
    return [
        *(_equal(fields[name], value) for name, value in only.equal.items()),
        *(not_(_equal(fields[name], value)) for name, value in only.different.items()),
        *(known[name] for name in only.present),
        *(not_(known[name]) for name in only.absent),
    ]


def _equal(columns: Sequence[ColumnElement[Any]], value: str | bool) -> ColumnElement[bool]:
    # What has no value (NULL) is different from every value, so the answer must never be NULL.
    return or_(*(and_(column.is_not(None), column == storable(value)) for column in columns))
