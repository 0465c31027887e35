"""The story of one fax, in order and in words: the mail it came with, its documents, its calls, the waits between them
and why, and whom we told. Pure: what is stored goes in, moments come out.

Nothing is kept for the story's sake: it is told from the rows that the work itself writes, so that it cannot say
something else than they do, and it ends with them when a fax is deleted.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.explanations import Explanation, explain, explain_received
from gateway.fax import ENDED, Attempt, CallResult, Direction, Fax, Status
from gateway.resuming import of_document
from gateway.smtplog import SmtplogEntry
from gateway.store.notices import Notice
from gateway.wording import number_words, one_line

WORTH_TELLING = timedelta(seconds=5)
"""A shorter wait is none."""

NOTICE_WORDS = {
    "receipt": "the receipt",
    "failure": "the notice that it failed",
    "cancelled": "the notice that it was cancelled",
    "still_trying": "the notice that it takes long",
    "dsn_delivered": "the delivery status notification that it was delivered",
    "dsn_failed": "the delivery status notification that it failed",
    "dsn_delayed": "the delivery status notification that it takes long",
    "inbound_fax": "the received fax",
    "inbound_kept": "where the received fax is kept",
    "inbound_stranded": "the notice to the operator that the fax has reached nobody",
    "inbound_failure": "the notice that a fax could not be received",
}


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    kind: str
    """`mail`, `submitted`, `document`, `left_out`, `rendered`, `wait`, `call`, `notice`, `end` or `junk`."""
    words: str
    facts: Mapping[str, object] = field(default_factory=dict)


def tell(fax: Fax, entry: SmtplogEntry | None, attempts: Sequence[Attempt], notices: Sequence[Notice]) -> list[Moment]:
    """What happened to the fax, the oldest first. `entry` is the smtplog's, of a fax that came by mail."""
    story = [
        *_arrival(fax, entry),
        *_documents(fax, entry),
        *_rendering(fax),
        *_calls(fax, attempts),
        *_end(fax),
        *(_notice(one) for one in notices),
    ]
    # Sorted by time alone: what has the same time stays in the order of the work.
    return sorted(story, key=lambda moment: moment.at)


def _arrival(fax: Fax, entry: SmtplogEntry | None) -> Iterator[Moment]:
    if entry is not None:
        sender = one_line(entry.sender) or "no sender"
        proof = f", proven by {entry.authentication}" if entry.authentication else ""
        words = f"{entry.peer} ({one_line(entry.helo)}) brought a mail from {sender}{proof}"
        secured = " over TLS" if entry.tls else ""
        yield Moment(
            entry.received_at,
            "mail",
            f"{words}{secured}; we answered {one_line(entry.reply)}.",
            {"smtplog_id": entry.id, "peer": entry.peer, "size": entry.size, "message_id": entry.message_id},
        )
    if fax.direction is Direction.INBOUND:
        return
    ways = {"smtp": "by mail", "api": "through the API", "cli": "on the command line"}
    way = ways.get(fax.via, f"by {fax.via or 'a way that is not known'}")
    again = f" It sends fax {fax.resubmitted_from} again." if fax.resubmitted_from else ""
    yield Moment(
        fax.created_at,
        "submitted",
        f"The fax to {number_words(fax.destination or fax.to_number)} was taken {way}.{again}",
        {"to": fax.to_number, "destination": fax.destination, "retries": fax.retries},
    )


def _documents(fax: Fax, entry: SmtplogEntry | None) -> Iterator[Moment]:
    at = fax.created_at
    if fax.request is not None:
        yield Moment(at, "document", f"Its document is fetched from {one_line(fax.request.url)}.", {})
    for document in fax.documents:
        name = one_line(document.name) or "a document without a name"
        facts = {"name": document.name, "content_type": document.content_type, "bytes": document.bytes}
        yield Moment(at, "document", f"{name} ({document.content_type}, {document.bytes} bytes) was taken.", facts)
    for part in fax.left_out:
        name = one_line(part.name) or f"a part of type {one_line(part.content_type)}"
        yield Moment(at, "left_out", f"{name} was left out: {one_line(part.reason)}.", {"name": part.name})
    for error in entry.errors if entry else ():
        yield Moment(at, "mail", f"Noted about the mail: {one_line(error, 500)}.", {})


def _rendering(fax: Fax) -> Iterator[Moment]:
    if not fax.image_key:
        return
    made = made_at(fax.image_key) or fax.created_at
    if fax.direction is Direction.INBOUND:
        words = f"{_pages(fax.pages)} stored{'' if fax.pdf_key else ' as an image; they could not be made a PDF'}."
    elif made < fax.created_at:
        words = f"The fax image of {_pages(fax.pages)} was there already."
    else:
        words = f"The fax image of {_pages(fax.pages)} was made."
    yield Moment(max(made, fax.created_at), "rendered", words, {"pages": fax.pages})


def _calls(fax: Fax, attempts: Sequence[Attempt]) -> Iterator[Moment]:
    ready = made_at(fax.image_key) if fax.image_key else None
    free, why = max(ready, fax.created_at) if ready else None, "a line or the recipient's number was not free"
    for attempt in attempts:
        if free is not None and attempt.started_at - free >= WORTH_TELLING:
            yield _wait(free, attempt.started_at - free, why)
        yield _call(fax, attempt)
        ended = (attempt.result.ended_at if attempt.result else None) or attempt.started_at
        free, why = ended, _why(fax, attempt)
    if fax.status is Status.PENDING and fax.due_at is not None and attempts:
        facts = {"until": fax.due_at.isoformat()}
        words = f"The next call is due at {fax.due_at.astimezone(UTC):%H:%M:%S} UTC, because {why}."
        yield Moment(free or fax.updated_at, "wait", words, facts)
    if fax.status is Status.ATTACHING_FILES and fax.error:
        yield Moment(fax.updated_at, "wait", f"It is prepared again later: {one_line(fax.error)}", {})


def _wait(since: datetime, lasted: timedelta, why: str) -> Moment:
    return Moment(
        since, "wait", f"It waited {_duration(lasted)}, because {why}.", {"seconds": round(lasted.total_seconds())}
    )


def _call(fax: Fax, attempt: Attempt) -> Moment:
    inbound = attempt.direction is Direction.INBOUND
    result = attempt.result
    if inbound:
        start = f"{number_words(attempt.from_number)} called {number_words(attempt.to_number)} on line {attempt.line}"
    else:
        start = f"Call {attempt.number} to {number_words(attempt.to_number)} on line {attempt.line}{_made(attempt)}"
    facts: dict[str, object] = {
        "call_id": attempt.id,
        "number": attempt.number,
        "line": attempt.line,
        "v17": attempt.v17,
        "t38_asked": attempt.t38,
        "first_page": attempt.first_page,
    }
    if result is None:
        outcomes = {
            "": "it runs now.",
            "unknown": "nobody knows how it ended.",
            "failed": "it never reached the far end.",
        }
        running = f" {_pages(fax.progress.page)} through so far." if fax.progress and not attempt.outcome else ""
        return Moment(
            attempt.started_at, "call", f"{start}: {outcomes.get(attempt.outcome, attempt.outcome)}{running}", facts
        )
    said = explain_received(result) if inbound else _explained(fax, attempt, result)
    return Moment(
        attempt.started_at,
        "call",
        f"{start}: {said.sentence}{_carried(result)}{'' if attempt.counted else ' It does not count as a try.'}",
        facts
        | {
            "outcome": attempt.outcome,
            "seconds": result.seconds,
            "pages": result.pages,
            "rate": result.rate,
            "ecm": result.ecm,
            "t38": result.t38,
            "result_code": result.result_code,
            "result_text": result.result_text,
            "cause": result.cause,
            "hangup_cause": result.hangup_cause,
        },
    )


def _made(attempt: Attempt) -> str:
    """What is not usual of a call."""
    without = "" if attempt.v17 else ", without V.17"
    return without + (f", from page {attempt.first_page}" if attempt.first_page > 1 else "")


def _carried(result: CallResult) -> str:
    if not result.answered:
        return ""
    far_end = f" with {one_line(result.remote_station_id)}" if result.remote_station_id else ""
    correction = "with" if result.ecm else "without"
    speed = f" at {result.rate} bit/s {correction} error correction" if result.rate else ""
    medium = " over T.38" if result.t38 else ""
    return f" {_pages(result.pages)} in {_duration(timedelta(seconds=result.seconds))}{far_end}{speed}{medium}."


def _explained(fax: Fax, attempt: Attempt, result: CallResult) -> Explanation:
    return explain(of_document(result, attempt.first_page, fax.pages), attempt.first_page - 1)


def _why(fax: Fax, attempt: Attempt) -> str:
    if attempt.result is None:
        return "the call before never reached the far end"
    return _clause(_explained(fax, attempt, attempt.result).sentence)


def _clause(sentence: str) -> str:
    """A sentence inside another: `The line was busy.` -> `the line was busy`."""
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")


def _end(fax: Fax) -> Iterator[Moment]:
    if fax.status not in ENDED or fax.ended_at is None:
        return
    words = {
        Status.COMPLETED: f"Sent: {_pages(fax.pages)} arrived.",
        Status.RECEIVED: f"Received: {_pages(fax.pages)}.",
        Status.PARTIAL: f"Received in part: {_pages(fax.pages)}.",
        Status.CANCELLED: "Cancelled.",
        Status.FAILED: "Failed.",
    }[fax.status]
    said = f" {one_line(fax.error, 500)}" if fax.error and fax.error.rstrip(".") not in words else ""
    yield Moment(fax.ended_at, "end", words + said, {"status": fax.status.value, "tries": fax.tries})
    if fax.junk:
        yield Moment(fax.ended_at, "junk", f"It is junk, of which a digest tells: {one_line(fax.junk)}", {})


def _notice(notice: Notice) -> Moment:
    what = NOTICE_WORDS.get(notice.kind, notice.kind.replace("_", " "))
    to = one_line(notice.recipient)
    answer = one_line(notice.answer, 500)
    match notice.state:
        case "sent":
            words = f"{_start(what)} was sent to {to}: {answer or 'taken'}."
        case "unavailable":
            words = f"{_start(what)} was not sent to {to}: {answer}."
        case "bounced":
            words = f"{_start(what)} was sent to {to} and came back: {answer}."
        case "failed":
            words = f"{_start(what)} could not be sent to {to}: {answer or 'no answer'}."
        case _ if notice.attempts:
            words = f"{_start(what)} to {to} is tried again: {answer or 'under way'}."
        case _:
            words = f"{_start(what)} to {to} waits to be sent."
    facts = {
        "kind": notice.kind,
        "way": notice.way,
        "recipient": notice.recipient,
        "attempts": notice.attempts,
        "answer": notice.answer,
    }
    return Moment(notice.ended_at or notice.created_at, "notice", words, facts)


def _start(words: str) -> str:
    return words[:1].upper() + words[1:]


def _pages(count: int) -> str:
    return {0: "no page", 1: "1 page"}.get(count, f"{count} pages")


def _duration(lasted: timedelta) -> str:
    seconds = round(lasted.total_seconds())
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"


def made_at(key: str) -> datetime | None:
    """When a stored document was made: its id, a UUIDv7, says so (RFC 9562 5.7).

    >>> made_at("2026-11-23/0192f3c4a1b27abc8def0123456789ab.tiff")
    datetime.datetime(2024, 11, 3, 20, 43, 22, 930000, tzinfo=datetime.timezone.utc)
    """
    name = key.rpartition("/")[2].partition(".")[0]
    try:
        made = uuid.UUID(name)
    except ValueError:
        return None
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC) if made.version == 7 else None
