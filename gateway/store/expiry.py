"""What of an account is old enough to go (`gateway.retention`)."""

from datetime import datetime

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit import ACCOUNT, DELETED
from gateway.fax import ENDED, Direction, Status
from gateway.store import tables
from gateway.store.notices import JUNK_DIGEST, PENDING

_account, _audit, _fax, _faxbox = tables.account, tables.audit, tables.fax, tables.faxbox
_notice, _smtplog = tables.notice, tables.smtplog


async def ended_before(
    connection: AsyncConnection, account_id: str, before: datetime, after: str, limit: int
) -> list[tuple[str, Direction]]:
    """Faxes (id, direction) that had ended by then and of which nobody has still to be told, those with an id behind
    `after`, in the order of the ids. Of junk a digest tells: so long it stays, and from then on its time counts."""
    waiting = select(_notice.c.id).where(_notice.c.fax_id == _fax.c.id, _notice.c.state == PENDING)
    digests = select(_notice.c.id).where(
        _notice.c.account_id == account_id, _notice.c.kind == JUNK_DIGEST, _notice.c.state == PENDING
    )
    told = select(_faxbox.c.id).where(_faxbox.c.id == _fax.c.faxbox_id)  # where it has gone nobody will be
    junk_told = or_(_fax.c.junk_told_at < before, and_(_fax.c.junk_told_at.is_(None), ~told.exists()))
    settled = or_(_fax.c.junk == "", _fax.c.status == Status.FAILED, and_(junk_told, ~digests.exists()))
    query = (
        select(_fax.c.id, _fax.c.direction)
        .where(
            _fax.c.account_id == account_id,
            _fax.c.direction.in_(list(Direction)),
            _fax.c.status.in_(ENDED),
            _fax.c.created_at < before,  # for the index: nothing ends before it begins
            _fax.c.ended_at < before,
            _fax.c.id > after,
            ~waiting.exists(),
            settled,
        )
        .order_by(_fax.c.id)
        .limit(limit)
    )
    return [(fax_id, Direction(direction)) for fax_id, direction in (await connection.execute(query)).all()]


async def keeping(connection: AsyncConnection) -> list[tuple[str, int]]:
    """The accounts that keep faxes for so many days only."""
    query = select(_account.c.id, _account.c.keep_days).where(_account.c.keep_days.is_not(None)).order_by(_account.c.id)
    return [(account_id, days) for account_id, days in (await connection.execute(query)).all()]


async def deleted(connection: AsyncConnection, before: datetime) -> list[str]:
    """Accounts of which there are faxes still, and which were deleted before then. Reads all faxes: for once a day."""
    there = select(_account.c.id).where(_account.c.id == _fax.c.account_id)
    lately = select(_audit.c.id).where(
        _audit.c.account_id == _fax.c.account_id,
        _audit.c.at >= before,
        _audit.c.object == ACCOUNT,
        _audit.c.action == DELETED,
    )
    query = select(_fax.c.account_id).distinct().where(~there.exists(), ~lately.exists())
    return list((await connection.execute(query.order_by(_fax.c.account_id))).scalars())


async def has_faxes(connection: AsyncConnection, account_id: str) -> bool:
    query = select(_fax.c.id).where(_fax.c.account_id == account_id)
    return (await connection.execute(query.limit(1))).first() is not None


async def is_due(connection: AsyncConnection, account_id: str, before: datetime) -> bool:
    """Whether anything may have to go: a look that takes nobody's turn to write."""
    if await ended_before(connection, account_id, before, "", 1):
        return True
    for query in (_old_mails(account_id, before), _old_notices(account_id, before)):
        if (await connection.execute(query.limit(1))).first() is not None:
            return True
    return False


async def forget_mails(connection: AsyncConnection, account_id: str | None, before: datetime) -> None:
    """Remove the smtplog entries of mails that came before then and have no fax any more, and notices about no fax that
    had ended by then; of the account, or (None) of none."""
    await connection.execute(delete(_smtplog).where(_smtplog.c.id.in_(_old_mails(account_id, before))))
    await connection.execute(delete(_notice).where(_notice.c.id.in_(_old_notices(account_id, before))))


def _old_mails(account_id: str | None, before: datetime) -> Select[tuple[str]]:
    faxes = select(_fax.c.id).where(_fax.c.submission_id == _smtplog.c.id)
    old = (_smtplog.c.account_id == account_id, _smtplog.c.received_at < before)
    return select(_smtplog.c.id).where(*old, ~faxes.exists())


def _old_notices(account_id: str | None, before: datetime) -> Select[tuple[str]]:
    old = (_notice.c.account_id == account_id, _notice.c.created_at < before, _notice.c.ended_at < before)
    return select(_notice.c.id).where(*old, _notice.c.fax_id.is_(None))
