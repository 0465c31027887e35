"""The outbox of our own mails: written in the transaction of what they tell of, sent by `gateway.notices`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import new_id
from gateway.store import tables
from gateway.store.tables import storable, values

_notice = tables.notice

PENDING, SENT, FAILED = "pending", "sent", "failed"

INBOUND_FAX, RECEIPT, FAILURE = "inbound_fax", "receipt", "failure"
OPERATOR_MAIL, OPERATOR_ALERT = "operator_mail", "operator_alert"
"""The kinds: a received fax, a fax sent, a fax not sent; to the operator a mail to postmaster that is passed on, and a
trouble of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One mail to one recipient."""

    id: str
    account_id: str | None
    fax_id: str | None
    kind: str
    """One of the kinds above."""
    recipient: str
    state: str
    """`pending`, `sent` or `failed`."""
    created_at: datetime
    due_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    answer: str = ""
    """The relay's last answer."""
    message: bytes | None = None
    """Set where the mail is there already, and not written when it is sent."""
    claim_token: str | None = None
    lease_until: datetime | None = None


def new(
    kind: str,
    recipient: str,
    now: datetime,
    *,
    account_id: str | None = None,
    fax_id: str | None = None,
    message: bytes | None = None,
) -> Notice:
    return Notice(
        id=new_id(),
        account_id=account_id,
        fax_id=fax_id,
        kind=kind,
        recipient=recipient,
        state=PENDING,
        created_at=now,
        due_at=now,
        message=message,
    )


def add(connection: Connection, notices: Sequence[Notice]) -> None:
    if notices:
        connection.execute(insert(_notice), [values(item, _notice) for item in notices])


async def claim(connection: AsyncConnection, now: datetime, lease_until: datetime) -> Notice | None:
    """Claim the next notice that is due."""
    due = and_(
        _notice.c.state == PENDING,
        _notice.c.due_at <= now,
        or_(_notice.c.claim_token.is_(None), _notice.c.lease_until < now),
    )
    query = select(_notice).where(due).order_by(_notice.c.due_at).limit(1).with_for_update(skip_locked=True)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    claim_token = new_id()
    changes = {"claim_token": claim_token, "lease_until": lease_until, "attempts": row["attempts"] + 1}
    await connection.execute(update(_notice).where(_notice.c.id == row["id"]).values(changes))
    return Notice(**{**row, **changes})


async def finish(connection: AsyncConnection, notice: Notice, state: str, answer: str, now: datetime) -> None:
    await _release(connection, notice, state=state, answer=answer, ended_at=now, due_at=None, message=None)


async def postpone(connection: AsyncConnection, notice: Notice, answer: str, due_at: datetime) -> None:
    await _release(connection, notice, answer=answer, due_at=due_at)


async def _release(connection: AsyncConnection, notice: Notice, **changes: object) -> None:
    query = update(_notice).where(_notice.c.id == notice.id, _notice.c.claim_token == notice.claim_token)
    row = {name: storable(value) for name, value in changes.items()}
    await connection.execute(query.values(claim_token=None, lease_until=None, **row))


async def renew(connection: AsyncConnection, tokens: Collection[str], lease_until: datetime) -> None:
    if tokens:
        query = update(_notice).where(_notice.c.claim_token.in_(tokens))
        await connection.execute(query.values(lease_until=lease_until))


async def next_due(connection: AsyncConnection) -> datetime | None:
    query = select(func.min(_notice.c.due_at)).where(_notice.c.state == PENDING, _notice.c.claim_token.is_(None))
    found: datetime | None = (await connection.execute(query)).scalar()
    return found


async def of_fax(connection: AsyncConnection, fax_id: str) -> list[Notice]:
    query = select(_notice).where(_notice.c.fax_id == fax_id).order_by(_notice.c.id)
    return [Notice(**row) for row in (await connection.execute(query)).mappings()]
