"""Who is told of what, and in which way: a notice is a row written in the transaction that it tells of, so that none is
lost and none lies. `gateway.postman` sends them.

By mail only those are told who are verified: the proven sender, and recipients that an authenticated user has set.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import letters
from gateway.accounts import Faxbox
from gateway.alerts import EVERY, Operator, alert_of
from gateway.fax import CallResult, Direction, Fax, Status
from gateway.letters import Letterhead
from gateway.spending import Excess
from gateway.store import accounts, alerts, notices
from gateway.store.notices import (
    CALLBACK,
    DSN_DELAYED,
    DSN_DELIVERED,
    DSN_FAILED,
    EMAIL,
    FAILURE,
    INBOUND_FAILURE,
    INBOUND_FAX,
    OPERATOR_ALERT,
    RECEIPT,
    SMS,
    STILL_TRYING,
    Notice,
)


async def about_end(connection: AsyncConnection, fax: Fax, status: Status, now: datetime) -> list[Notice]:
    """The receipts or failure notices of a fax that ends now with this status: to its sender, its box's outbound
    recipients, and whom the program that ordered it has named."""
    # The box may be deleted since: the sender hears of it all the same.
    box = await accounts.known_faxbox(connection, fax.faxbox_id)
    kind, event = (RECEIPT, "SUCCESS") if status is Status.COMPLETED else (FAILURE, "FAILURE")
    numbers = (*recipients(_set(box, "outbound"), SMS), *recipients(fax.notifications, SMS))
    reports = _reports(fax, event, now)
    told = _told(fax, kind, _readers(fax, box, reports), numbers, _set(box, "outbound"), now)
    return [*reports, *told]


def about_withdrawal(fax: Fax, now: datetime) -> list[Notice]:
    """Those of a fax that was cancelled before its first call. Whoever cancels it knows; a mail server that has asked
    for reports gets one (RFC 3461 5.2.6)."""
    return _reports(fax, "FAILURE", now)


async def about_lateness(connection: AsyncConnection, fax: Fax, now: datetime) -> list[Notice]:
    """Those of a fax that is not through yet and still being tried, by mail alone: to its sender, its box's outbound
    recipients, and whom the program that ordered it has named."""
    box = await accounts.known_faxbox(connection, fax.faxbox_id)
    reports = _reports(fax, "DELAY", now)
    return [*reports, *_told(fax, STILL_TRYING, _readers(fax, box, reports), (), {}, now)]


async def about_received(connection: AsyncConnection, fax: Fax, now: datetime) -> list[Notice]:
    """Those to the box's recipients of a fax that has come in: the mails carry it."""
    box = await accounts.known_faxbox(connection, fax.faxbox_id)
    kind = INBOUND_FAILURE if fax.status is Status.FAILED else INBOUND_FAX
    ways = _set(box, "inbound")
    return _told(fax, kind, box.inbound_email if box else (), recipients(ways, SMS), ways, now)


async def about_trouble(
    connection: AsyncConnection, operator: Operator, fax: Fax, line: str, result: CallResult | None, now: datetime
) -> list[Notice]:
    """The mail to the operator where a call on `line` met a trouble of ours that he does not know of yet. It is written
    here and now: when it is sent the fax may be through by another line."""
    alert = alert_of(result, inbound=fax.direction is Direction.INBOUND) if result else None
    if alert is None or not operator.address:
        return []
    if not await connection.run_sync(alerts.is_due, line, alert.cause, now, EVERY):
        return []
    words = result.result_text if result else ""
    return [_to_operator(operator, now, lambda head: letters.operator_alert(head, alert, fax.id, line, words))]


def about_limit(connection: Connection, operator: Operator, excess: Excess, now: datetime) -> list[Notice]:
    """The mail to the operator where a limit has refused a fax, once an hour for each limit."""
    where, cause = f"{excess.scope.kind} {excess.scope.id}", f"{excess.what} {excess.time}"
    if not operator.address or not alerts.is_due(connection, where, cause, now, EVERY):
        return []
    return [_to_operator(operator, now, lambda head: letters.operator_limit(head, excess))]


def _to_operator(operator: Operator, now: datetime, write: Callable[[Letterhead], bytes]) -> Notice:
    """It is no notice of a fax: an account is not told whom we call, nor is it kept waiting for that."""
    notice = notices.new(OPERATOR_ALERT, operator.address, now)
    head = Letterhead(
        notice_id=notice.id,
        sender=operator.sender,
        recipient=operator.address,
        hostname=operator.hostname,
        date=now,
    )
    return replace(notice, message=write(head))


_DSN_OF = {"SUCCESS": DSN_DELIVERED, "FAILURE": DSN_FAILED, "DELAY": DSN_DELAYED}


def _reports(fax: Fax, event: str, now: datetime) -> list[Notice]:
    """The delivery status notification that the sender has asked for; none where he did not."""
    if fax.dsn is None or event not in fax.dsn.notify or not fax.sender:
        return []
    return [notices.new(_DSN_OF[event], fax.sender, now, account_id=fax.account_id, fax_id=fax.id)]


def _readers(fax: Fax, box: Faxbox | None, reports: Iterable[Notice]) -> list[str]:
    """Who gets a letter: a sender who has said what he wants to be told gets that, and no letter. Others do, and he too
    where he is one of them, unless he has the report."""
    others = [*(box.outbound_email if box else ()), *recipients(fax.notifications, EMAIL)]
    if fax.dsn is None or not fax.dsn.notify:
        return [fax.sender, *others]
    reported = {notice.recipient.lower() for notice in reports}
    return [other for other in others if other.lower() not in reported]


def recipients(notifications: Mapping[str, Any], way: str) -> list[str]:
    """Whom `{way: {"send_to": ...}}` names: one or a list.

    >>> recipients({"email": {"send_to": "a@example.com"}}, "email"), recipients({}, "sms")
    (['a@example.com'], [])
    """
    told = notifications.get(way)
    send_to = told.get("send_to", []) if isinstance(told, dict) else []
    return [send_to] if isinstance(send_to, str) else list(send_to)


def callback_of(box: Faxbox | None, direction: Direction) -> Mapping[str, str]:
    """The program that a faxbox has told of such faxes: url, method, type; empty where there is none."""
    found: Mapping[str, str] = _set(box, direction.value).get("callback", {})
    return found


def _set(box: Faxbox | None, direction: str) -> Mapping[str, Any]:
    ways: Any = box.notifications.get(direction, {}) if box else {}
    return ways if isinstance(ways, dict) else {}


def _told(
    fax: Fax, kind: str, emails: Iterable[str], numbers: Iterable[str], ways: Mapping[str, Any], now: datetime
) -> list[Notice]:
    url = ways.get("callback", {}).get("url", "")
    return [
        notices.new(kind, recipient, now, account_id=fax.account_id, fax_id=fax.id, way=way)
        for way, named in ((EMAIL, emails), (SMS, numbers), (CALLBACK, (url,)))
        for recipient in once(named)
    ]


def once(recipients: Iterable[str]) -> list[str]:
    """Each recipient once, however it is written."""
    found: dict[str, str] = {}
    for recipient in recipients:
        if recipient:
            found.setdefault(recipient.lower(), recipient)
    return list(found.values())
