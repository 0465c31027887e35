"""The mails that the gateway writes: received faxes, receipts, failure notices, each as text and HTML.

Pure: nouns and a date go in, the bytes of a whole message come out (RFC 5322, CRLF, 7 bits, save where an
internationalised address needs UTF-8: RFC 6531). A letter goes to one recipient; its Message-ID is the notice's, so
that a letter written or sent twice is told to be the same one. Words stand in `templates/mail`, or in templates of an
installation's own (`gateway.stationery`); what others wrote
(station ids, subjects, file names) is made one harmless line before it gets there.

Fails with ValueError where sender or recipient is no mail address, and never otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader
from email.message import EmailMessage

from gateway.accounts import Account, Faxbox
from gateway.alerts import Alert
from gateway.enclosures import EMPTY, Enclosed
from gateway.explanations import explain, explain_received
from gateway.fax import CallResult, Direction, Fax, Status
from gateway.filenames import fax_filename
from gateway.languages import ENGLISH, Language, Said, counted, said
from gateway.spending import Excess
from gateway.stationery import OURS, Stationery
from gateway.waiting import next_call, so_far
from gateway.wording import (
    UNKNOWN_NUMBER,
    duration_words,
    number_words,
    one_line,
    pages_words,
    size_words,
    time_words,
    zone_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What is outside of a letter: whose it is and to whom it goes."""

    notice_id: str
    """Names the notice for ever, also as its Message-ID; letters, digits, `-._`."""
    sender: str
    """The address that it is from."""
    recipient: str
    hostname: str
    date: datetime
    stationery: Stationery = OURS
    """The templates that it is written with."""


def inbound_fax(
    head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account, enclosed: Enclosed = EMPTY
) -> bytes:
    """A received fax, whole or (status `partial`) incomplete."""
    say, facts = head.stationery.language, _facts(head, fax, faxbox, account)
    incomplete, got = fax.status is Status.PARTIAL, _got(fax)
    facts |= {
        "incomplete": incomplete,
        "got": say(got),
        "attached": say(_kinds(enclosed)),
        "link": enclosed.link,
        "why": _why_incomplete(fax.result, say),
    }
    subject = (
        said("INCOMPLETE fax from {sender}, {pages}", sender=facts["from"], pages=got)
        if incomplete
        else said("Fax from {sender}, {pages}", sender=facts["from"], pages=got)
    )
    message = _letter(head, faxbox, say(subject), "inbound_fax", facts)
    return _attached(message, fax, zone_of(faxbox, account), enclosed).as_bytes()


def inbound_failure(head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account) -> bytes:
    """A machine called to fax something, and not one page came through."""
    say, facts = head.stationery.language, _facts(head, fax, faxbox, account)
    facts |= {"why": _why_incomplete(fax.result, say)}
    subject = say(said("Fax from {sender} NOT received", sender=facts["from"]))
    return _letter(head, faxbox, subject, "inbound_failure", facts).as_bytes()


def inbound_stranded(
    head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account, failures: Sequence[tuple[str, str]]
) -> bytes:
    """To the operator, in English: a received fax has reached nobody by mail. `failures`: recipients, and what was
    answered."""
    head = replace(head, stationery=replace(head.stationery, language=ENGLISH))
    facts = _facts(head, fax, faxbox, account)
    facts |= {"failures": [{"recipient": one_line(to), "answer": one_line(answer)} for to, answer in failures]}
    subject = f"A received fax has reached nobody: {fax.id}"
    return _letter(head, None, subject, "inbound_stranded", facts).as_bytes()


def receipt(head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account, enclosed: Enclosed = EMPTY) -> bytes:
    """An outbound fax is delivered: every page was confirmed by the far end."""
    facts = _facts(head, fax, faxbox, account)
    subject = _about(head.stationery.language(said("Faxed to {number}", number=facts["to"])), facts)
    message = _letter(head, faxbox, subject, "receipt", facts, answers=fax, picture=enclosed.picture)
    return _attached(message, fax, zone_of(faxbox, account), enclosed).as_bytes()


def failure(
    head: Letterhead,
    fax: Fax,
    faxbox: Faxbox | None,
    account: Account,
    enclosed: Enclosed = EMPTY,
    *,
    unknown: bool = False,
    before: int = 0,
) -> bytes:
    """An outbound fax has failed for good. `unknown`: nobody can say whether it has arrived. `before`: pages that had
    arrived before the call that its result is of."""
    say, facts = head.stationery.language, _facts(head, fax, faxbox, account)
    reason, advice = _sentence(say(one_line(fax.error, 500)) or say(said("The fax could not be sent."))), ""
    if fax.result and not fax.result.success and not unknown:
        explanation = explain(fax.result, before)
        reason, advice = say(explanation.sentence), say(explanation.advice)
    through = fax.result.pages if fax.result else 0
    facts |= {"reason": reason, "advice": advice, "unknown": unknown, "through": through}
    outcome = (
        said("Fax to {number}: outcome unknown", number=facts["to"])
        if unknown
        else said("NOT faxed to {number}", number=facts["to"])
    )
    subject = _about(say(outcome), facts)
    message = _letter(head, faxbox, subject, "failure", facts, answers=fax, picture=enclosed.picture)
    return _attached(message, fax, zone_of(faxbox, account), enclosed).as_bytes()


def cancelled(head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account) -> bytes:
    """An outbound fax was cancelled before it was through."""
    facts = _facts(head, fax, faxbox, account)
    facts |= {"through": fax.result.pages if fax.result else 0}
    subject = _about(head.stationery.language(said("Fax to {number} cancelled", number=facts["to"])), facts)
    return _letter(head, faxbox, subject, "cancelled", facts, answers=fax).as_bytes()


def still_trying(head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account, *, before: int = 0) -> bytes:
    """An outbound fax has not got through yet. `before`: as of `failure`."""
    say, facts = head.stationery.language, _facts(head, fax, faxbox, account)
    zone = zone_of(faxbox, account)
    facts |= {"reason": _sentence(say(so_far(fax, before))), "next": next_call(fax, head.date, zone, say)}
    facts |= {"taken": time_words(fax.created_at, zone, say)}
    subject = _about(say(said("Still trying to fax to {number}", number=facts["to"])), facts)
    return _letter(head, faxbox, subject, "still_trying", facts, answers=fax).as_bytes()


def junk_digest(
    head: Letterhead,
    named: Sequence[tuple[Fax, str]],
    count: int,
    faxbox: Faxbox,
    account: Account,
    *,
    shows_names: bool = True,
) -> bytes:
    """Received faxes that are not wanted: `count` of them, of which the first are named, each with where it is (empty
    where nobody has said where the API is). `shows_names`: also what the machines of the callers call themselves."""
    say, zone = head.stationery.language, zone_of(faxbox, account)
    facts: dict[str, object] = {
        "count": count,
        "more": count - len(named),
        "faxes": [
            {
                "from": number_words(fax.from_number, say(UNKNOWN_NUMBER)),
                "station": one_line(fax.result.remote_station_id, 40) if fax.result and shows_names else "",
                "time": time_words(fax.created_at, zone, say),
                "pages": say(pages_words(fax.pages)),
                "why": say(one_line(fax.junk)),
                "link": link,
                "id": fax.id,
            }
            for fax, link in named
        ],
        "faxbox": one_line(faxbox.name, 80),
        "account": one_line(account.name, 80),
        "fax_id": "",
    }
    what = counted("{n} unwanted fax for {faxbox}", "{n} unwanted faxes for {faxbox}", count, faxbox=facts["faxbox"])
    return _letter(head, faxbox, say(what), "junk_digest", facts).as_bytes()


def operator_alert(head: Letterhead, alert: Alert, fax_id: str, line: str, words: str) -> bytes:
    """A call has met a trouble of ours. `words` are the line's own. In English, as the operator has no account."""
    facts: dict[str, object] = {
        "what": alert.what,
        "advice": alert.advice,
        "lost": alert.lost,
        "line": one_line(line),
        "cause": one_line(alert.cause),
        "words": one_line(words),
        "time": time_words(head.date, UTC),
        "fax_id": fax_id,
        "account": head.hostname,
    }
    return _letter(head, None, f"Fax line {facts['line']}: {facts['cause']}", "operator_alert", facts).as_bytes()


def operator_limit(head: Letterhead, excess: Excess) -> bytes:
    """A limit has refused a fax."""
    facts: dict[str, object] = {
        "whose": f"{excess.scope.kind} {one_line(excess.scope.name, 80)}",
        "limit": excess.words,
        "sender": one_line(excess.sender),
        "id": excess.scope.id,
        "fax_id": "",
        "time": time_words(head.date, UTC),
        "account": head.hostname,
    }
    return _letter(head, None, f"Limit reached: {facts['whose']}", "operator_limit", facts).as_bytes()


# What a letter says


def _facts(head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account) -> dict[str, object]:
    """What every template may name; texts are harmless lines, empty where nothing is known."""
    say, zone = head.stationery.language, zone_of(faxbox, account)
    ended = fax.ended_at or (fax.result.ended_at if fax.result else None) or fax.updated_at
    inbound = fax.direction is Direction.INBOUND
    return {
        "from": number_words(fax.from_number, say(UNKNOWN_NUMBER) if inbound else ""),
        "from_name": one_line(fax.from_name, 80),
        "to": number_words(fax.destination or fax.to_number, say(UNKNOWN_NUMBER)),
        "to_name": one_line(fax.to_name, 80),
        "faxbox": one_line(faxbox.name, 80) if faxbox else "",
        "account": one_line(account.name, 80),
        "subject": one_line(fax.subject),
        "time": time_words(fax.created_at if inbound else ended, zone, say),
        "pages": fax.pages,
        "pages_words": say(pages_words(fax.pages)),
        "attempts": fax.attempts,
        "call": _call(fax.result, say),
        "documents": [{"name": one_line(d.name, 120), "size": size_words(d.bytes, say)} for d in fax.documents],
        "left_out": [
            {
                "name": one_line(part.name, 120),
                "size": size_words(part.bytes, say),
                "reason": say(one_line(part.reason)),
            }
            for part in fax.left_out
        ],
        "fax_id": fax.id,
    }


def _call(result: CallResult | None, say: Language) -> dict[str, str] | None:
    """The call as people like to know it; None where nobody answered."""
    if result is None or not result.answered:
        return None
    rate = say.number(result.rate)
    speed = (
        said("{rate} bit/s, with error correction", rate=rate)
        if result.ecm
        else said("{rate} bit/s, without error correction", rate=rate)
    )
    return {
        "station": one_line(result.remote_station_id, 40),
        "duration": duration_words(result.seconds),
        "speed": say(speed) if result.rate else "",
    }


def _got(fax: Fax) -> Said:
    """The pages of a received fax."""
    if fax.status is not Status.PARTIAL:
        return pages_words(fax.pages)
    if fax.result and fax.result.total_pages:
        return said("{page} of {total} pages", page=fax.pages, total=fax.result.total_pages)
    return counted("{n} page, total unknown", "{n} pages, total unknown", fax.pages)


def _why_incomplete(result: CallResult | None, say: Language) -> str:
    return say(explain_received(result).sentence) if result and not result.success else ""


def _sentence(line: str) -> str:
    return line if not line or line[-1] in ".!?…" else f"{line}."


def _about(what: str, facts: Mapping[str, object]) -> str:
    """The outcome, then the subject of the sender's own mail."""
    return f"{what}: {facts['subject']}" if facts["subject"] else what


# How it is put into a message

_headers = HeaderRegistry()
for _name in ("in-reply-to", "references"):
    # Else long ids are folded as encoded words, in which no mail program looks for a thread.
    _headers.map_to_type(_name, MessageIDHeader)  # type: ignore[arg-type]  # a mixin of it, as all of them are
_POLICY = policy.SMTP.clone(header_factory=_headers, cte_type="7bit")

MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,240}@[!-;=?-~]{1,240}>")
"""What of a foreign Message-ID is safe to repeat: one id in angle brackets, printable ASCII."""


def _letter(
    head: Letterhead, faxbox: Faxbox | None, subject: str, template: str, facts: dict[str, object], *,
    answers: Fax | None = None, picture: bytes | None = None,
) -> EmailMessage:  # fmt: skip
    message = EmailMessage(_POLICY if (head.recipient + head.sender).isascii() else _POLICY.clone(utf8=True))
    message["From"] = _address(head.sender, faxbox.name if faxbox else "Fax")
    message["To"] = _address(head.recipient)
    message["Subject"] = subject
    message["Date"] = head.date
    message["Message-ID"] = f"<{head.notice_id}@{head.hostname}>"
    if answers and MESSAGE_ID.fullmatch(answers.message_id.strip()):
        message["In-Reply-To"] = answers.message_id.strip()
        message["References"] = answers.message_id.strip()
    # RFC 3834 5: nobody's vacation notice shall answer; Exchange wants it in its own words.
    message["Auto-Submitted"] = "auto-replied" if "In-Reply-To" in message else "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["List-Id"] = f"Notices of faxes <notices.{head.hostname}>"  # RFC 2919: for whoever files or mutes them
    message["X-Faxgate-Notice"] = head.notice_id
    if facts["fax_id"]:
        message["X-Faxgate-Fax"] = str(facts["fax_id"])
    picture_id = f"page-1.{head.notice_id}@{head.hostname}" if picture is not None else ""
    language = [f"Content-Language: {head.stationery.language.tag}"]  # RFC 3282
    for kind, subtype in (("txt", "plain"), ("html", "html")):
        text = head.stationery.fill(f"{template}.{kind}", {**facts, "title": subject, "picture": picture_id})
        add = message.set_content if kind == "txt" else message.add_alternative
        add(text, subtype=subtype, cte="quoted-printable", headers=language)
    if picture is not None:
        # Beside the HTML that shows it (RFC 2387), so that no mail program lists it as an attachment.
        html: EmailMessage = message.get_payload()[1]  # type: ignore[assignment, index]
        html.add_related(picture, "image", "png", cid=f"<{picture_id}>", disposition="inline", filename="page-1.png")
    return message


def _kinds(enclosed: Enclosed) -> str:
    if enclosed.pdf is not None and enclosed.tiff is not None:
        return said("PDF and TIFF")
    return "PDF" if enclosed.pdf is not None else "TIFF" if enclosed.tiff is not None else ""


def _attached(message: EmailMessage, fax: Fax, zone: tzinfo, enclosed: Enclosed) -> EmailMessage:
    for content, maintype, subtype, extension in (
        (enclosed.pdf, "application", "pdf", "pdf"),
        (enclosed.tiff, "image", "tiff", "tif"),
    ):
        if content is not None:
            name = fax_filename(fax, zone, extension)
            message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message


def _address(address: str, name: str = "") -> Address:
    # Quoting of names has gone wrong in more than one version of the standard library: leave nothing to quote.
    display = one_line(re.sub(r'[()<>@,;:\\".\[\]]', " ", one_line(name)), 60)
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        raise ValueError("not a mail address")
    if not address.isascii():
        return Address(display, local, domain)
    try:
        return Address(display, addr_spec=address)
    except (HeaderParseError, IndexError) as error:  # what the parser of the standard library stumbles with
        raise ValueError("not a mail address") from error
