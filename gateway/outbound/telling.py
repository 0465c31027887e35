"""Who is told how a fax ended: its sender and its faxbox's people, and whom the program that ordered it has named
by mail."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.fax import Fax, Status
from gateway.notices import about_failure, about_success
from gateway.store import notices
from gateway.store.notices import FAILURE, RECEIPT, Notice


async def about_end(connection: AsyncConnection, fax: Fax, status: Status, now: datetime) -> list[Notice]:
    """The notices of a fax that ends now with this status; each address once."""
    completed = status is Status.COMPLETED
    made = await (about_success if completed else about_failure)(connection, fax, now)
    told = {notice.recipient.lower() for notice in made}
    for address in recipients(fax.notifications, "email"):
        if address.lower() not in told:
            told.add(address.lower())
            kind = RECEIPT if completed else FAILURE
            made.append(notices.new(kind, address, now, account_id=fax.account_id, fax_id=fax.id))
    return made


def recipients(notifications: dict[str, object], way: str) -> list[str]:
    """Whom `{way: {"send_to": ...}}` names: one or a list.

    >>> recipients({"email": {"send_to": "a@example.com"}}, "email"), recipients({}, "sms")
    (['a@example.com'], [])
    """
    told = notifications.get(way)
    send_to = told.get("send_to", []) if isinstance(told, dict) else []
    return [send_to] if isinstance(send_to, str) else list(send_to)
