"""A received fax that could not be mailed: refused for good, given up, or come back. It is never only in a log.

First the same recipient is mailed without the fax itself, which may have been too large, or of a kind that his server
does not take: that mail says where it is kept. If that fails too, or the first one had no fax either, and nobody else
has got it or still may, the operator is told.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.accounts import LINK, NOTHING
from gateway.store import notices, tables
from gateway.store.notices import EMAIL, INBOUND_FAX, INBOUND_KEPT, INBOUND_STRANDED, PENDING, SENT, Notice

_notice, _fax, _faxbox = tables.notice, tables.fax, tables.faxbox

OPERATOR = "operator"
"""Stands for his address, which only the settings know."""


def next_way(failed: Notice, others: Sequence[Notice], *, attached: bool = True) -> tuple[str, str] | None:
    """Kind and recipient of the mail that follows one that did not arrive; `others` are the other ones of its fax, and
    `attached` is whether its faxbox mails the fax itself. None where enough is done. Pure."""
    if failed.kind == INBOUND_FAX and attached:
        followed = any(one.kind == INBOUND_KEPT and one.recipient == failed.recipient for one in others)
        return None if followed else (INBOUND_KEPT, failed.recipient)
    told = any(one.kind == INBOUND_STRANDED for one in others)
    arrives = any(one.kind in (INBOUND_FAX, INBOUND_KEPT) and one.state in (PENDING, SENT) for one in others)
    return None if told or arrives else (INBOUND_STRANDED, OPERATOR)


def lock(connection: Connection, notice_id: str) -> None:
    """Before a mail is marked as not arrived: of two that fail at once one has to see the other."""
    of = select(_notice.c.fax_id).where(_notice.c.id == notice_id).scalar_subquery()
    connection.execute(select(_fax.c.id).where(_fax.c.id == of).with_for_update())


def follow(connection: Connection, notice_id: str, now: datetime) -> None:
    """Write what follows a mail that was marked as not arrived."""
    row = connection.execute(select(_notice).where(_notice.c.id == notice_id)).mappings().first()
    if row is None or row["kind"] not in (INBOUND_FAX, INBOUND_KEPT) or row["way"] != EMAIL:
        return
    query = select(_notice).where(_notice.c.fax_id == row["fax_id"], _notice.c.id != notice_id, _notice.c.way == EMAIL)
    others = [Notice(**other) for other in connection.execute(query).mappings()]
    if (found := next_way(Notice(**row), others, attached=_attached(connection, row["fax_id"]))) is None:
        return
    kind, recipient = found
    # What the operator is told is no notice of the account's, which is not told whom we call.
    account_id = None if kind == INBOUND_STRANDED else row["account_id"]
    notices.add(connection, [notices.new(kind, recipient, now, account_id=account_id, fax_id=row["fax_id"])])


def _attached(connection: Connection, fax_id: str) -> bool:
    """Whether a received fax goes along with the mail about it. Of a faxbox that was deleted it does."""
    query = select(_faxbox.c.mail_shows, _faxbox.c.mail_attach).join(_fax, _fax.c.faxbox_id == _faxbox.c.id)
    row = connection.execute(query.where(_fax.c.id == fax_id)).first()
    return row is None or (row.mail_shows != NOTHING and row.mail_attach != LINK)
