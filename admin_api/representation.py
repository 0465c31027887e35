"""Faxes and smtplog entries as the Faxes API shows them. Pure.

Kazoo's spellings live here and nowhere else. Times are Gregorian seconds; what is not known yet is `"undefined"`, and
what has not happened yet has the schema's default.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

from admin_api.answers import (
    Call,
    FaxDetail,
    FaxDocument,
    FaxPreview,
    FaxSummary,
    LiveCall,
    Moment,
    NotificationDetail,
    NotificationSummary,
    PageShown,
    SmtplogDetail,
    SmtplogSummary,
    Try,
    TxResult,
    Undefined,
)
from gateway import history, options
from gateway.documents.linetime import call_seconds, page_seconds
from gateway.fax import Attempt, CallResult, Direction, Fax, Progress, Status
from gateway.outbound.preview import OrderPreview
from gateway.smtplog import SmtplogEntry
from gateway.store import notices
from gateway.store.listing import ListedFax
from gateway.store.notices import Notice

UNDEFINED: Undefined = "undefined"
GREGORIAN_EPOCH = 62_167_219_200
"""Seconds from the year 0 to 1970: the time of Erlang, and so of Kazoo."""

_NOTHING_YET = CallResult(success=False, answered=False)
_ARRIVED = frozenset({Status.COMPLETED, Status.RECEIVED, Status.PARTIAL})


def gregorian(moment: datetime) -> int:
    """
    >>> from datetime import UTC
    >>> gregorian(datetime(2016, 3, 28, 22, 29, 33, tzinfo=UTC))
    63626423373
    """
    return int(moment.timestamp()) + GREGORIAN_EPOCH


def fax_summary(fax: ListedFax) -> FaxSummary:
    """A fax in a list."""
    return {
        "id": fax.id,
        "status": fax.status.value,
        "from": fax.from_number,
        "to": fax.to_number,
        "created": gregorian(fax.created_at),
    }


def fax_detail(fax: Fax, timezone: str) -> FaxDetail:
    """A fax alone. `timezone` is its faxbox's, empty where that has none.

    Beyond the schema: `faxbox_id`, `destination` (the number as dialled), `pages` (of the document; of an incoming fax,
    so far) and, while a call runs, `progress`.
    """
    shown: FaxDetail = {
        "id": fax.id,
        "status": fax.status.value,
        "created": gregorian(fax.created_at),
        "delivered": gregorian(fax.ended_at) if fax.ended_at and fax.status in _ARRIVED else UNDEFINED,
        "from_name": fax.from_name,
        "from_number": fax.from_number,
        "to_name": fax.to_name,
        "to_number": fax.to_number,
        "destination": fax.destination,
        "fax_timezone": timezone or UNDEFINED,
        "attempts": fax.attempts,
        "retries": fax.retries,
        "pages": fax.pages,
        "document": _document(fax),
        "tx_result": tx_result(fax),
    }
    if fax.faxbox_id:
        shown["faxbox_id"] = fax.faxbox_id
    if fax.notifications:
        shown["notifications"] = fax.notifications
    if fax.progress is not None:
        shown["progress"] = _progress(fax.progress)
    if fax.send_at is not None:
        shown["at"] = iso(fax.send_at)
    if fax.priority != options.NORMAL:
        shown["priority"] = next(word for word, number in options.PRIORITIES.items() if number == fax.priority)
    if fax.cost_code:
        shown["cost_code"] = fax.cost_code
    if fax.resubmitted_from:
        shown["resubmitted_from"] = fax.resubmitted_from
    if fax.junk:
        shown["junk"] = fax.junk
    return shown


def tx_result(fax: Fax) -> TxResult:
    """What the last call brought, with every code as the line gave it. `result_code` is T.30's, null where no call has
    got so far; `result_cause` is Q.850's.

    Of a received fax the receiver is us, and `fax_sender_id` is what the far end called itself.
    """
    result = fax.result or _NOTHING_YET
    inbound = fax.direction is Direction.INBOUND
    shown: TxResult = {
        "success": fax.status in {Status.COMPLETED, Status.RECEIVED},
        "error_message": fax.error,
        "pages_sent": result.pages,
        "total_pages": result.total_pages,
        "fax_speed": result.rate,
        "fax_error_correction": result.ecm,
        "fax_t38": result.t38,
        "fax_bad_rows": result.bad_rows,
        "fax_receiver_id": result.local_station_id if inbound else result.remote_station_id,
        "time_elapsed": round((fax.ended_at - fax.created_at).total_seconds()) if fax.ended_at else 0,
        "result_code": result.result_code,
        "result_text": result.result_text,
        "result_cause": result.cause,
        "hangup_cause": result.hangup_cause,
    }
    if inbound:
        shown["fax_sender_id"] = result.remote_station_id
    return shown


def _progress(progress: Progress) -> LiveCall:
    return {
        "stage": progress.stage,
        "page": progress.page,
        "pages": progress.pages,
        "rate": progress.rate,
        "ecm": progress.ecm,
        "remote_station_id": progress.remote_station_id,
    }


def _document(fax: Fax) -> FaxDocument:
    """What was mailed, and what of it was left out. The keys under which we store it are nobody's business."""
    described: FaxDocument = {}
    if fax.request is not None:
        described["url"], described["method"] = fax.request.url, fax.request.method
        if fax.request.content:
            described["content"] = fax.request.content
        if fax.request.content_type:
            described["content_type"] = fax.request.content_type
        if fax.request.host:
            described["host"] = fax.request.host
        if fax.request.referer:
            described["referer"] = fax.request.referer
    if fax.documents:
        described["files"] = [
            {"name": document.name, "content_type": document.content_type, "bytes": document.bytes}
            for document in fax.documents
        ]
    if fax.left_out:
        described["left_out"] = [
            {"name": part.name, "content_type": part.content_type, "bytes": part.bytes, "reason": part.reason}
            for part in fax.left_out
        ]
    return described


def fax_preview(found: OrderPreview) -> FaxPreview:
    """An order as it would be faxed."""
    codes = found.image.codes
    return {
        "destination": found.route.destination,
        "faxbox_id": found.route.faxbox.id,
        "cover": found.cover,
        "pages": len(codes),
        "seconds": round(call_seconds(codes), 1),
        "page_seconds": [round(page_seconds(code), 1) for code in codes],
        "thumbnail": _page(1, found.image.thumbnail),
        "shown": [_page(number, png) for number, png in enumerate(found.image.shown, found.first)],
    }


def _page(number: int, png: bytes) -> PageShown:
    return {"page": number, "content_type": "image/png", "content": base64.b64encode(png).decode()}


def smtplog_summary(entry: SmtplogEntry) -> SmtplogSummary:
    """An smtplog entry in a list."""
    return {
        "id": entry.id,
        "status": "accepted" if entry.accepted else "refused",
        "from": entry.sender,
        "to": [recipient.address for recipient in entry.recipients],
        "created": gregorian(entry.received_at),
        "reply": entry.reply,
        "errors": entry.errors,
    }


def smtplog_detail(entry: SmtplogEntry) -> SmtplogDetail:
    """An smtplog entry alone: all that decided it."""
    return {
        **smtplog_summary(entry),
        "account_id": entry.account_id,
        "faxbox_id": entry.faxbox_id,
        "peer": entry.peer,
        "helo": entry.helo,
        "tls": entry.tls,
        "authentication": entry.authentication,
        "message_id": entry.message_id,
        "subject": entry.subject,
        "size": entry.size,
        "recipients": [
            {
                "address": recipient.address,
                "number": recipient.number,
                "destination": recipient.destination,
                "faxbox_id": recipient.faxbox_id,
                "reply": recipient.reply,
                "fax_id": recipient.fax_id,
            }
            for recipient in entry.recipients
        ],
        "attachments": [
            {
                "name": attachment.name,
                "content_type": attachment.content_type,
                "bytes": attachment.bytes,
                "outcome": attachment.outcome,
                "reason": attachment.reason,
                "pages": attachment.pages,
            }
            for attachment in entry.attachments
        ],
        "fax_ids": entry.fax_ids,
    }


def call(attempt: Attempt) -> Call:
    """A call record."""
    result = attempt.result or _NOTHING_YET
    return {
        "id": attempt.id,
        "created": gregorian(attempt.started_at),
        "started_at": iso(attempt.started_at),
        "answered_at": iso(result.answered_at),
        "ended_at": iso(result.ended_at),
        "direction": "inbound" if attempt.direction is Direction.INBOUND else "outbound",
        "from": attempt.from_number,
        "to": attempt.to_number,
        "line": attempt.line,
        "seconds": round(result.seconds, 3),
        "pages": result.pages,
        "total_pages": result.total_pages,
        "rate": result.rate,
        "ecm": result.ecm,
        "t38": result.t38,
        "bad_rows": result.bad_rows,
        "result_code": result.result_code,
        "result_text": result.result_text,
        "cause": result.cause,
        "hangup_cause": result.hangup_cause,
        "outcome": attempt.outcome,
        "counted": attempt.counted,
        "attempt": attempt.number,
        "remote_station_id": result.remote_station_id,
        "faxbox_id": attempt.faxbox_id,
        "fax_id": attempt.fax_id,
        "v17": attempt.v17,
        "t38_asked": attempt.t38,
        "first_page": attempt.first_page,
        "cost_code": attempt.cost_code,
    }


def notification_summary(notice: Notice) -> NotificationSummary:
    """A notification in a list."""
    return {
        "id": notice.id,
        "created": gregorian(notice.created_at),
        "fax_id": notice.fax_id or "",
        "kind": notice.kind,
        "way": notice.way,
        "recipient": notice.recipient,
        "state": notice.state,
        "attempts": notice.attempts,
        "answer": notice.answer,
    }


def notification_detail(notice: Notice, tries: Sequence[notices.Try]) -> NotificationDetail:
    """A notification alone."""
    shown: list[Try] = [
        {"number": one.number, "at": iso(one.at), "outcome": one.outcome, "answer": one.answer} for one in tries
    ]
    return {**notification_summary(notice), "due": iso(notice.due_at), "tries": shown}


def moment(happened: history.Moment) -> Moment:
    """Something that happened to a fax."""
    return {
        "created": gregorian(happened.at),
        "at": iso(happened.at),
        "kind": happened.kind,
        "words": happened.words,
        "facts": dict(happened.facts),
    }


def iso(at: datetime | None) -> str:
    """ISO 8601 in UTC; empty for no time."""
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
