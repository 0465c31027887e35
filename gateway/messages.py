"""What is told without a mail: a short message for people, and facts for programs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.accounts import Account, Faxbox
from gateway.explanations import explain
from gateway.fax import Attempt, Direction, Fax, Status
from gateway.languages import ENGLISH, Language, said
from gateway.wording import UNKNOWN_NUMBER, number_words, one_line, pages_words

MOST_SMS = 300
"""Characters: two or three parts."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a notice of a fax is written from."""

    fax: Fax
    account: Account
    box: Faxbox | None
    calls: Sequence[Attempt]


def text(known: Known, say: Language = ENGLISH) -> str:
    """A short message that says how a fax ended."""
    fax = known.fax
    pages = pages_words(fax.pages)
    if fax.direction is Direction.INBOUND:
        sender = number_words(fax.from_number, say(UNKNOWN_NUMBER))
        got = {
            Status.RECEIVED: said("Fax received from {sender}, {pages}.", sender=sender, pages=pages),
            Status.PARTIAL: said("INCOMPLETE fax received from {sender}, {pages}.", sender=sender, pages=pages),
        }
        failed = said("A fax from {sender} could not be received.", sender=sender)
        return one_line(say(got.get(fax.status, failed)), MOST_SMS)
    number = number_words(fax.destination or fax.to_number, say(UNKNOWN_NUMBER))
    subject = f": {one_line(fax.subject, 60)}" if fax.subject else ""
    match fax.status:
        case Status.COMPLETED:
            words = say(said("Fax to {number} delivered, {pages}", number=number, pages=pages)) + subject
        case Status.CANCELLED:
            words = say(said("Fax to {number} cancelled", number=number)) + subject
        case _:
            failed = said("Fax to {number} NOT delivered", number=number)
            words = f"{say(failed)}{subject}. {say(_why(fax))}"
    return one_line(words, MOST_SMS)


def event(fax: Fax) -> str:
    """The name of what happened, for programs: `fax.completed`, `fax.failed`, `fax.received`, ..."""
    return f"fax.{fax.status.value}"


def facts(known: Known) -> Mapping[str, object]:
    """A fax for programs; times are ISO 8601 in UTC, empty where it has not come to that."""
    fax, result = known.fax, known.fax.result
    return {
        "id": fax.id,
        "account_id": fax.account_id,
        "faxbox_id": fax.faxbox_id or "",
        "direction": fax.direction.value,
        "status": fax.status.value,
        "from_number": fax.from_number,
        "to_number": fax.to_number,
        "destination": fax.destination,
        "subject": fax.subject,
        "pages": fax.pages,
        "pages_sent": result.pages if result else 0,
        "attempts": fax.attempts,
        "error_message": fax.error,
        "result_code": result.result_code if result else None,
        "result_text": result.result_text if result else "",
        "hangup_cause": result.hangup_cause if result else "",
        "remote_station_id": result.remote_station_id if result else "",
        "cost_code": fax.cost_code,
        "created_at": _iso(fax.created_at),
        "ended_at": _iso(fax.ended_at),
    }


def _why(fax: Fax) -> str:
    if fax.result is not None and not fax.result.success:
        return explain(fax.result, 0).sentence
    return one_line(fax.error)


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
