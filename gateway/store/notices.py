"""The outbox of all that is told to somebody: written in the transaction of what it tells of, sent by
`gateway.postman`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import Conflict, NotFound
from gateway.ids import new_id
from gateway.store import tables
from gateway.store.columns import storable, values
from gateway.store.listing import ALL, NEWEST, Fields, Only, Window, conditions, within

_notice, _attempt = tables.notice, tables.notice_attempt

PENDING, SENT, FAILED, UNAVAILABLE, BOUNCED = "pending", "sent", "failed", "unavailable", "bounced"
EMAIL, SMS, CALLBACK = WAYS = "email", "sms", "callback"
DELAYED = "delayed"
"""What came of a try that is made again; of the last one it is the notice's state."""

INBOUND_KEPT, INBOUND_STRANDED = "inbound_kept", "inbound_stranded"
"""A received fax that could not be mailed is kept: so its recipient is told, and if that fails too, the operator."""
INBOUND_FAX, INBOUND_FAILURE, RECEIPT, FAILURE = "inbound_fax", "inbound_failure", "receipt", "failure"
STILL_TRYING = "still_trying"
DSN_DELIVERED, DSN_FAILED, DSN_DELAYED = DSNS = "dsn_delivered", "dsn_failed", "dsn_delayed"
JUNK_DIGEST = "junk_digest"
OPERATOR_MAIL, OPERATOR_ALERT = "operator_mail", "operator_alert"
"""The kinds: a received fax, one that could not be received, a fax sent, a fax not sent, one that takes long; the last
three as delivery status notifications; the junk of a day; to the operator a mail to postmaster that is passed
on, and a trouble of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What one recipient is told, in one way."""

    id: str
    account_id: str | None
    fax_id: str | None
    kind: str
    """One of the kinds above."""
    recipient: str
    """An address, a number (E.164) or a URL."""
    state: str
    """`pending`, `sent`, `failed`, `unavailable` where nothing is configured to send it, or `bounced`: taken by the
    relay, and returned."""
    created_at: datetime
    due_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    answer: str = ""
    """The last one: the relay's, the SMS service's, the program's, the bounce's."""
    way: str = EMAIL
    """`email`, `sms` or `callback`."""
    message: bytes | None = None
    """Set where the mail is there already, and not written when it is sent."""
    claim_token: str | None = None
    lease_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A try to deliver a notice."""

    notice_id: str
    number: int
    at: datetime
    outcome: str
    """`delayed`, `sent` or `failed`."""
    answer: str


FIELDS: Fields = {name: [_notice.c[name]] for name in ("fax_id", "kind", "way", "recipient", "state")}


def new(
    kind: str,
    recipient: str,
    now: datetime,
    *,
    account_id: str | None = None,
    fax_id: str | None = None,
    way: str = EMAIL,
    message: bytes | None = None,
) -> Notice:
    return Notice(
        id=new_id(),
        account_id=account_id,
        fax_id=fax_id,
        kind=kind,
        recipient=recipient,
        way=way,
        state=PENDING,
        created_at=now,
        due_at=now,
        message=message,
    )


def add(connection: Connection, notices: Sequence[Notice]) -> None:
    if notices:
        connection.execute(insert(_notice), [values(item, _notice) for item in notices])


def passed_on(connection: Connection, since: datetime) -> int:
    """How many mails to postmaster have been taken since then."""
    own = (_notice.c.account_id.is_(None), _notice.c.created_at > since, _notice.c.kind == OPERATOR_MAIL)
    return connection.execute(select(func.count()).select_from(_notice).where(*own)).scalar_one()


async def claim(
    connection: AsyncConnection,
    now: datetime,
    lease_until: datetime,
    *,
    ways: Collection[str] = WAYS,
    full: Collection[tuple[str, str | None]] = (),
    but: Collection[str] = (),
) -> Notice | None:
    """Claim the next notice that is due and leaves in one of these ways; none of `full`, which are a way and an
    account, and none with the ids of `but`."""
    due = and_(
        _notice.c.state == PENDING,
        _notice.c.due_at <= now,
        or_(_notice.c.claim_token.is_(None), _notice.c.lease_until < now),
        _notice.c.way.in_(ways),
        # Not `!=`: it is never true of a notice without an account.
        *(or_(_notice.c.way != way, _notice.c.account_id.is_distinct_from(account)) for way, account in full),
        _notice.c.id.not_in(but),
    )
    query = select(_notice).where(due).order_by(_notice.c.due_at).limit(1).with_for_update(skip_locked=True)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    claim_token = new_id()
    changes = {"claim_token": claim_token, "lease_until": lease_until, "attempts": row["attempts"] + 1}
    await connection.execute(update(_notice).where(_notice.c.id == row["id"]).values(changes))
    return Notice(**{**row, **changes})


async def finish(connection: AsyncConnection, notice: Notice, state: str, answer: str, now: datetime) -> bool:
    """What came of it at last; False where its claim is lost: then only the try is noted, and whoever has claimed it
    decides."""
    await _note(connection, notice, state, answer, now)
    return await _release(connection, notice, state=state, answer=answer, ended_at=now, due_at=None, message=None)


def bounced(connection: Connection, notice_id: str, answer: str, now: datetime) -> bool:
    """A mail that was taken has come back; False where there is no such one, or it is to be sent (again) or had ended
    otherwise."""
    # Of one that is just being sent the bounce may come before the relay's answer is written down: that finds the claim
    # gone then, and changes nothing.
    sent = or_(_notice.c.state == SENT, and_(_notice.c.state == PENDING, _notice.c.claim_token.is_not(None)))
    query = update(_notice).where(_notice.c.id == notice_id, _notice.c.way == EMAIL, sent)
    row = {"state": BOUNCED, "answer": storable(answer), "ended_at": now, "due_at": None, "message": None}
    return connection.execute(query.values(claim_token=None, lease_until=None, **row)).rowcount == 1


async def postpone(connection: AsyncConnection, notice: Notice, answer: str, now: datetime, due_at: datetime) -> None:
    await _note(connection, notice, DELAYED, answer, now)
    await _release(connection, notice, answer=answer, due_at=due_at)


async def _note(connection: AsyncConnection, notice: Notice, outcome: str, answer: str, now: datetime) -> None:
    """The try that `claim` has counted is over."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {
        "notice_id": notice.id,
        "number": notice.attempts,
        "at": now,
        "outcome": outcome,
        "answer": storable(answer),
    }
    await connection.execute(dialect.insert(_attempt).values(row).on_conflict_do_nothing())


async def again(connection: AsyncConnection, notice_id: str, account_id: str, now: datetime) -> Notice:
    """Have a notice that has ended sent once more. Raises NotFound; Conflict where it has not ended, or its message was
    passed on and is not kept."""
    notice = await find(connection, notice_id, account_id)
    if notice.state == PENDING:
        raise Conflict("This notification is still under way.")
    if notice.fax_id is None:
        raise Conflict("This notification cannot be sent again: what it said is not kept.")
    query = update(_notice).where(_notice.c.id == notice.id, _notice.c.state == notice.state)
    changed = await connection.execute(query.values(state=PENDING, due_at=now, ended_at=None, created_at=now))
    if changed.rowcount != 1:
        raise Conflict("This notification has just been changed; look again.")
    return replace(notice, state=PENDING, due_at=now, ended_at=None, created_at=now)


async def find(connection: AsyncConnection, notice_id: str, account_id: str) -> Notice:
    """A notice of the account. Raises NotFound."""
    query = select(_notice).where(_notice.c.id == notice_id, _notice.c.account_id == account_id)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise NotFound("There is no such notification.")
    return Notice(**row)


async def page(connection: AsyncConnection, account_id: str, window: Window = NEWEST, only: Only = ALL) -> list[Notice]:
    """Notices of the account's faxes, the newest first."""
    query = select(_notice).where(_notice.c.account_id == account_id, *conditions(only, FIELDS))
    found = await connection.execute(within(query, window, _notice.c.created_at, _notice.c.id))
    return [Notice(**row) for row in found.mappings()]


async def tries(connection: AsyncConnection, notice_id: str) -> list[Try]:
    """Every try to deliver a notice, the first one first."""
    query = select(_attempt).where(_attempt.c.notice_id == notice_id).order_by(_attempt.c.number)
    return [Try(**row) for row in (await connection.execute(query)).mappings()]


async def _release(connection: AsyncConnection, notice: Notice, **changes: object) -> bool:
    query = update(_notice).where(_notice.c.id == notice.id, _notice.c.claim_token == notice.claim_token)
    row = {name: storable(value) for name, value in changes.items()}
    return (await connection.execute(query.values(claim_token=None, lease_until=None, **row))).rowcount == 1


async def renew(connection: AsyncConnection, tokens: Collection[str], lease_until: datetime) -> None:
    if tokens:
        query = update(_notice).where(_notice.c.claim_token.in_(tokens))
        await connection.execute(query.values(lease_until=lease_until))


async def next_due(connection: AsyncConnection, now: datetime) -> datetime | None:
    """When the next notice falls due. One that is due already waits for a place."""
    query = select(func.min(_notice.c.due_at)).where(
        _notice.c.state == PENDING, _notice.c.claim_token.is_(None), _notice.c.due_at > now
    )
    found: datetime | None = (await connection.execute(query)).scalar()
    return found


async def of_fax(connection: AsyncConnection, fax_id: str) -> list[Notice]:
    query = select(_notice).where(_notice.c.fax_id == fax_id).order_by(_notice.c.id)
    return [Notice(**row) for row in (await connection.execute(query)).mappings()]
