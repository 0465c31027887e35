"""Faxes and smtplog entries as the Faxes API shows them. Pure.

Kazoo's spellings live here and nowhere else. Times are Gregorian seconds; what is not known yet is `"undefined"`, and
what has not happened yet has the schema's default.
"""

from datetime import datetime

from gateway.fax import CallResult, Direction, Fax, Progress, Status
from gateway.smtplog import SmtplogEntry

UNDEFINED = "undefined"
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


def fax_summary(fax: Fax) -> dict[str, object]:
    """A fax in a list."""
    return {
        "id": fax.id,
        "status": fax.status.value,
        "from": fax.from_number,
        "to": fax.to_number,
        "created": gregorian(fax.created_at),
    }


def fax_detail(fax: Fax, timezone: str) -> dict[str, object]:
    """A fax alone. `timezone` is its faxbox's, empty where that has none.

    Beyond the schema: `faxbox_id`, `destination` (the number as dialled), `pages` (of the document; of an incoming fax,
    so far) and, while a call runs, `progress`.
    """
    known = {
        "faxbox_id": fax.faxbox_id,
        "notifications": fax.notifications or None,
        "progress": None if fax.progress is None else _progress(fax.progress),
    }
    return {
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
        **{key: value for key, value in known.items() if value is not None},
    }


def tx_result(fax: Fax) -> dict[str, object]:
    """What the last call brought. `result_code` is T.30's, null where no call has got so far.

    Of a received fax the receiver is us, and `fax_sender_id` is what the far end called itself.
    """
    result = fax.result or _NOTHING_YET
    inbound = fax.direction is Direction.INBOUND
    shown: dict[str, object] = {
        "success": fax.status in {Status.COMPLETED, Status.RECEIVED},
        "error_message": fax.error,
        "pages_sent": result.pages,
        "fax_speed": result.rate,
        "fax_error_correction": result.ecm,
        "fax_bad_rows": result.bad_rows,
        "fax_receiver_id": result.local_station_id if inbound else result.remote_station_id,
        "time_elapsed": round((fax.ended_at - fax.created_at).total_seconds()) if fax.ended_at else 0,
        "result_code": result.result_code,
        "result_text": result.result_text,
        "hangup_cause": result.hangup_cause,
    }
    return {**shown, "fax_sender_id": result.remote_station_id} if inbound else shown


def _progress(progress: Progress) -> dict[str, object]:
    return {
        "stage": progress.stage,
        "page": progress.page,
        "pages": progress.pages,
        "rate": progress.rate,
        "ecm": progress.ecm,
        "remote_station_id": progress.remote_station_id,
    }


def _document(fax: Fax) -> dict[str, object]:
    """What was mailed, and what of it was left out. The keys under which we store it are nobody's business."""
    described: dict[str, object] = {}
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


def smtplog_summary(entry: SmtplogEntry) -> dict[str, object]:
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


def smtplog_detail(entry: SmtplogEntry) -> dict[str, object]:
    """An smtplog entry alone: all that decided it."""
    return {
        **smtplog_summary(entry),
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
