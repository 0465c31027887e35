"""The queue: what is due, who works on it, and the slots that hold the limits.

A claim is a token and a lease. The claimer renews its leases while it lives; what has an expired lease belongs to
nobody and is taken over by the rescuer of any process. Limits are rows with unique keys (`slot`): an account has as
many places as it may have calls, a line as many as it has channels, a destination has one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import and_, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Direction, Fax, Status
from gateway.ids import new_id
from gateway.store import events, lines, tables
from gateway.store.faxes import from_row

_fax, _slot, _account = tables.fax, tables.slot, tables.account

CANDIDATES = 8
"""Due faxes looked at in one go: the first is nearly always taken, the others cover a race for a slot."""


@dataclass(frozen=True, slots=True)
class Channels:
    """A line that a process has free."""

    line: str
    most: int
    """Calls that it can carry at a time, whichever processes make them."""


async def claim_preparation(
    connection: AsyncConnection, now: datetime, lease_until: datetime, most_per_account: int
) -> Fax | None:
    """Claim the next fax whose documents are to be prepared, of an account that has fewer than `most_per_account` in
    the works: slow documents of one account must not keep all others waiting. (A race between processes may exceed it
    by one for a moment; it is a courtesy and not a limit.)"""
    running = _fax.alias("running")
    in_the_works = (
        select(func.count())
        .select_from(running)
        .where(
            running.c.status == Status.ATTACHING_FILES,
            running.c.account_id == _fax.c.account_id,
            running.c.claim_token.is_not(None),
            running.c.lease_until >= now,
        )
    )
    due = and_(
        _fax.c.status == Status.ATTACHING_FILES,
        _fax.c.due_at <= now,
        or_(_fax.c.claim_token.is_(None), _fax.c.lease_until < now),
        in_the_works.scalar_subquery() < most_per_account,
    )
    query = (
        select(_fax).where(due).order_by(_fax.c.due_at, _fax.c.id).limit(1).with_for_update(of=_fax, skip_locked=True)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else await _claim(connection, from_row(row), Status.ATTACHING_FILES, now, lease_until)


async def claim_call(
    connection: AsyncConnection, now: datetime, lease_until: datetime, free: Sequence[Channels]
) -> tuple[Fax, str] | None:
    """Claim the next fax that may be dialled now, and a place on the first of these lines that has one: the fax is due,
    its account below its limit, its destination free; the line is not drained."""
    usable = await _usable(connection, free)
    if not usable:
        return None
    held = select(func.count()).select_from(_slot).where(_slot.c.kind == "account", _slot.c.key == _fax.c.account_id)
    query = (
        select(_fax, _account.c.max_calls.label("max_calls"))
        .join(_account, _account.c.id == _fax.c.account_id)
        .where(
            _fax.c.status == Status.PENDING,
            _fax.c.due_at <= now,
            ~exists().where(_slot.c.kind == "destination", _slot.c.key == _fax.c.destination),
            held.scalar_subquery() < _account.c.max_calls,
        )
        .order_by(_fax.c.due_at, _fax.c.id)
        .limit(CANDIDATES)
        .with_for_update(of=_fax, skip_locked=True)
    )
    for row in (await connection.execute(query)).mappings().all():
        fax = from_row({key: value for key, value in row.items() if key != "max_calls"})
        fax = await _before(connection, fax, now) or fax
        line = await _take_slots(connection, fax, row["max_calls"], usable)
        if line is not None:
            return await _claim(connection, fax, Status.PROCESSING, now, lease_until), line
    return None


async def _before(connection: AsyncConnection, fax: Fax, now: datetime) -> Fax | None:
    """Another fax of the same account that goes before this one: priorities are the account's own business, and get it
    no call sooner than another account."""
    query = (
        select(_fax)
        .where(
            _fax.c.status == Status.PENDING,
            _fax.c.account_id == fax.account_id,
            _fax.c.direction == Direction.OUTBOUND,
            _fax.c.due_at <= now,
            _fax.c.priority < fax.priority,
            ~exists().where(_slot.c.kind == "destination", _slot.c.key == _fax.c.destination),
        )
        .order_by(_fax.c.priority, _fax.c.due_at, _fax.c.id)
        .limit(1)
        .with_for_update(of=_fax, skip_locked=True)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else from_row(row)


async def _usable(connection: AsyncConnection, free: Sequence[Channels]) -> list[Channels]:
    drained = await lines.draining(connection)
    used = await lines.under_way(connection, [one.line for one in free])
    return [one for one in free if one.line not in drained and used[one.line] < one.most]


async def _claim(connection: AsyncConnection, fax: Fax, status: Status, now: datetime, lease_until: datetime) -> Fax:
    claimed = replace(fax, status=status, claim_token=new_id(), lease_until=lease_until, revision=fax.revision + 1)
    await connection.execute(
        update(_fax)
        .where(_fax.c.id == fax.id)
        .values(status=status, claim_token=claimed.claim_token, lease_until=lease_until, revision=claimed.revision)
    )
    if status is not fax.status:
        events.note(connection, claimed, events.STATUS, now)
    return claimed


async def _take_slots(connection: AsyncConnection, fax: Fax, max_calls: int, free: Sequence[Channels]) -> str | None:
    """Take the destination's only place, one of the account, and one of the first line that has any; that line. None
    (and nothing taken) where one is full."""
    if not await _take(connection, "destination", fax.destination, 0, fax.id):
        return None
    if await _take_any(connection, "account", fax.account_id, max_calls, fax.id):
        # The lines come last: their places are what everybody wants, and who waits for one holds up nobody else's.
        for one in free:
            if await _take_any(connection, "line", lines.slot_key(one.line), one.most, fax.id):
                return one.line
    await release_slots(connection, fax.id)
    return None


async def _take_any(connection: AsyncConnection, kind: str, key: str, places: int, fax_id: str) -> bool:
    used = select(_slot.c.place).where(_slot.c.kind == kind, _slot.c.key == key)
    taken = set((await connection.execute(used)).scalars())
    for place in range(places):
        if place not in taken and await _take(connection, kind, key, place, fax_id):
            return True
    return False


async def _take(connection: AsyncConnection, kind: str, key: str, place: int, fax_id: str) -> bool:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"kind": kind, "key": key, "place": place, "fax_id": fax_id}
    done = await connection.execute(dialect.insert(_slot).values(row).on_conflict_do_nothing().returning(_slot.c.place))
    return done.first() is not None


async def release_slots(connection: AsyncConnection, fax_id: str) -> None:
    await connection.execute(delete(_slot).where(_slot.c.fax_id == fax_id))


async def renew(connection: AsyncConnection, tokens: Collection[str], lease_until: datetime) -> None:
    """Keep what these claims hold."""
    if tokens:
        await connection.execute(update(_fax).where(_fax.c.claim_token.in_(tokens)).values(lease_until=lease_until))


async def take_over(connection: AsyncConnection, now: datetime, lease_until: datetime) -> Fax | None:
    """Claim a fax in `processing` whose claimer has died: its call is in doubt."""
    query = (
        select(_fax)
        .where(_fax.c.status == Status.PROCESSING, _fax.c.lease_until < now)
        .order_by(_fax.c.lease_until)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else await _claim(connection, from_row(row), Status.PROCESSING, now, lease_until)


async def next_due(connection: AsyncConnection, status: Status, now: datetime) -> datetime | None:
    """When the next fax of this status falls due, or is left behind by a claimer that has died. One that is due already
    waits for a slot, whose release wakes."""
    due_at = func.coalesce(_fax.c.lease_until, _fax.c.due_at)
    query = select(func.min(due_at)).where(_fax.c.status == status, due_at > now)
    found: datetime | None = (await connection.execute(query)).scalar()
    return found


async def documents_waited_for(connection: AsyncConnection, most: int = 8) -> list[str]:
    """Keys of documents that queued faxes need, of some of the newest."""
    query = (
        select(_fax)
        .where(_fax.c.status.in_([Status.ATTACHING_FILES, Status.PENDING]))
        .order_by(_fax.c.id.desc())
        .limit(most)
    )
    queued = [from_row(row) for row in (await connection.execute(query)).mappings()]
    keys = [fax.image_key or (fax.documents[0].key if fax.documents else "") for fax in queued]
    return [key for key in keys if key]


async def cancel_requests(connection: AsyncConnection, tokens: Collection[str]) -> list[str]:
    """Which of the faxes under these claims are to be hung up."""
    if not tokens:
        return []
    query = select(_fax.c.id).where(_fax.c.claim_token.in_(tokens), _fax.c.cancel_requested)
    return list((await connection.execute(query)).scalars())
