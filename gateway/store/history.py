"""What the story of a fax is told from."""

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import history
from gateway.errors import NotFound
from gateway.fax import Fax
from gateway.smtplog import SmtplogEntry
from gateway.store import attempts, notices, smtplog


async def of_fax(connection: AsyncConnection, fax: Fax) -> list[history.Moment]:
    """The story of a fax, the oldest moment first."""
    return history.tell(
        fax,
        await _entry(connection, fax),
        await attempts.of_fax(connection, fax.id),
        await notices.of_fax(connection, fax.id),
    )


async def _entry(connection: AsyncConnection, fax: Fax) -> SmtplogEntry | None:
    """The smtplog entry of a fax that came by mail, unless it has been removed."""
    if fax.via != "smtp" or not fax.submission_id:
        return None
    try:
        return await smtplog.find(connection, fax.submission_id, fax.account_id)
    except NotFound:
        return None
