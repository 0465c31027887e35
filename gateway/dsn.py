"""Delivery status notifications (RFC 3464): what a sender is told who has asked for them in the envelope (RFC 3461), in
place of receipts and failure notices. One fax is reported in each.

Pure: nouns go in, the bytes of a whole message come out (CRLF, lines of at most 998 octets). It is written by hand and
not with `email`, which folds the fields of a report as if they were unstructured text and makes encoded words of what
is too long for a line. Of the mail itself nothing is kept but Message-ID and Subject, so that these are what is
returned, whatever RET asks for.

Fails with ValueError where sender or recipient is no mail address, and never otherwise.
"""

import quopri
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from email.header import Header
from email.utils import format_datetime
from types import MappingProxyType

from gateway import xtext
from gateway.accounts import Account, Faxbox
from gateway.explanations import Explanation, explain
from gateway.fax import Attempt, CallResult, Fax, Status
from gateway.languages import Language, Said, counted, said
from gateway.letters import MESSAGE_ID, Letterhead
from gateway.resuming import pages_before
from gateway.retry import TRUNK_DOWN, UNCOUNTED_FOR
from gateway.waiting import next_call, so_far
from gateway.wording import UNKNOWN_NUMBER, number_words, one_line, time_words, zone_of

DELIVERED, FAILED, DELAYED = "delivered", "failed", "delayed"
"""Actions (RFC 3464 2.3.3)."""

# Status codes (RFC 3463). A fault that may pass keeps its 4 when the fax is given up: it tells programs that sending
# again may help (RFC 3464 2.3.3, the note on actions and status codes).
BUSY_OR_NO_ANSWER = "4.4.1"
"""RFC 3463 3.5: the connection "was not answered, because either the remote system was busy, or was unable to take a
call"."""
BROKEN_OFF = "4.4.2"
NETWORK = "4.4.0"
CONGESTION = "4.4.5"
OUR_SYSTEM = "4.3.0"
MACHINE_BUSY = "4.3.2"
NO_SUCH_NUMBER = "5.1.1"
BAD_NUMBER = "5.1.3"
OUR_DOCUMENT = "5.3.0"
UNKNOWN = "5.4.2"
"""Nobody knows how the call ended; a program that sends again by itself would bring the fax twice."""
NO_FAX = "5.5.0"
NO_DOCUMENT = "5.6.0"
CANNOT_TAKE = "5.6.1"
NO_MEDIUM = "5.6.3"
REFUSED = "5.7.1"
CANCELLED = "5.0.0"
NOT_CALLED = "4.0.0"

LABEL = 17
"""Columns of the name of a fact."""

_OF_T30 = MappingProxyType(
    dict.fromkeys((1, 2, 3, 17, 19), NO_FAX)
    | dict.fromkeys((4, 7, 9, 22), MACHINE_BUSY)
    | dict.fromkeys((8, 10, 11, 12), CANNOT_TAKE)
    | dict.fromkeys(range(41, 47), OUR_DOCUMENT)
    | {47: OUR_SYSTEM}
    | dict.fromkeys(range(50, 61), REFUSED)
)
"""spandsp's numbers; any other is a line that broke."""
_OF_CAUSE = MappingProxyType(
    {17: BUSY_OR_NO_ANSWER, 21: REFUSED, 28: BAD_NUMBER}
    | dict.fromkeys((1, 2, 3, 22), NO_SUCH_NUMBER)
    | dict.fromkeys((18, 19, 20, 102), BUSY_OR_NO_ANSWER)
    | dict.fromkeys((34, 42, 44), CONGESTION)
    | dict.fromkeys((29, 50, 52, 54, 57, 69), REFUSED)
    | dict.fromkeys((58, 65, 66, 79, 88), NO_MEDIUM)
)
"""Q.850; any other is a network that failed."""


def status_of(fax: Fax, calls: Sequence[Attempt], action: str) -> str:
    """The status code of RFC 3463 for what became of the fax."""
    if action == DELIVERED:
        return "2.0.0"
    code = _status(fax, calls)
    # What is tried again has not failed for good (RFC 3464 2.3.4).
    return f"4{code[1:]}" if action == DELAYED else code


def _status(fax: Fax, calls: Sequence[Attempt]) -> str:
    if fax.status is Status.CANCELLED:
        return CANCELLED
    if _is_unknown(calls):
        return UNKNOWN
    if fax.result is not None:
        return of_result(fax.result)
    return NO_DOCUMENT if fax.status is Status.FAILED and not fax.attempts else NOT_CALLED


def of_result(result: CallResult) -> str:
    """The status code of a call that did not bring the fax through."""
    if result.hangup_cause in TRUNK_DOWN:
        return OUR_SYSTEM
    if result.answered or result.result_code is not None:
        return _OF_T30.get(result.result_code or 0, BROKEN_OFF)
    return _OF_CAUSE.get(result.cause or 0, NETWORK)


def report(
    head: Letterhead, fax: Fax, faxbox: Faxbox | None, account: Account, calls: Sequence[Attempt], action: str
) -> bytes:
    """The whole message. `calls` are those of the fax so far, the first one first."""
    if not all(
        re.fullmatch(r"[^<>\s\x00-\x1f\x7f]+@[^<>\s\x00-\x1f\x7f]+", to) for to in (head.sender, head.recipient)
    ):
        raise ValueError("not a mail address")
    boundary = f"report-{head.notice_id}"
    original = _field("Message-ID", fax.message_id) if fax.message_id else ""
    zone = zone_of(faxbox, account)
    say = head.stationery.language
    title, told = _told(fax, calls, action, head.date, zone, say)
    text = _text(fax, account, title, told, zone, say)
    parts = (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + _quoted(text),
        "Content-Type: message/delivery-status\r\n\r\n"
        + "".join(_of_message(head, fax))
        + "\r\n"
        + "".join(_of_recipient(fax, calls, action)),
        "Content-Type: text/rfc822-headers\r\n\r\n" + original + _subject(fax.subject),
    )
    opened = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return ("".join(_header(head, fax, action, boundary)) + f"\r\n{opened}--{boundary}--\r\n").encode(
        "utf-8", "replace"
    )


# The header


def _header(head: Letterhead, fax: Fax, action: str, boundary: str) -> Iterator[str]:
    say = head.stationery.language
    number = _to(fax, say)
    service = said("Fax service")
    yield f"From: {_encoded('From', say(service))} <{head.sender}>\r\n"
    yield f"To: <{head.recipient}>\r\n"
    outcome = {
        DELIVERED: said("Delivered: your fax to {number}", number=number),
        DELAYED: said("Delayed: your fax to {number}", number=number),
        FAILED: said("NOT delivered: your fax to {number}", number=number),
    }[action]
    yield f"Subject: {_encoded('Subject', say(outcome))}\r\n"
    yield f"Date: {format_datetime(head.date)}\r\n"
    yield f"Message-ID: <{head.notice_id}@{head.hostname}>\r\n"
    if MESSAGE_ID.fullmatch(fax.message_id.strip()):
        yield f"In-Reply-To: {fax.message_id.strip()}\r\n"
        yield f"References: {fax.message_id.strip()}\r\n"
    yield "Auto-Submitted: auto-replied\r\n"  # RFC 3834 5
    yield f"Content-Language: {say.tag}\r\n"
    yield f"X-Faxgate-Notice: {head.notice_id}\r\n"
    yield f"X-Faxgate-Fax: {fax.id}\r\n"
    yield "MIME-Version: 1.0\r\n"
    yield f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"\r\n'


def _field(name: str, value: str) -> str:
    """A field on one line, in ASCII: what is beyond it is written as RFC 6533 3 writes it in such reports."""
    line = "".join(c if " " <= c <= "~" else " " if c < " " else f"\\x{{{ord(c):X}}}" for c in value[:900])
    return f"{name}: {line[:900]}\r\n"


def _subject(subject: str) -> str:
    line = one_line(subject, 500)
    if not line:
        return ""
    return f"Subject: {_encoded('Subject', line)}\r\n"


def _encoded(name: str, line: str) -> str:
    return Header(line, "us-ascii" if line.isascii() else "utf-8", header_name=name).encode(linesep="\r\n")


def _quoted(text: str) -> str:
    return quopri.encodestring(text.encode("utf-8", "replace")).decode("ascii").replace("\n", "\r\n")


# For programs


def _of_message(head: Letterhead, fax: Fax) -> Iterator[str]:
    """The fields of RFC 3464 2.2."""
    if fax.dsn and fax.dsn.envid:
        yield _field("Original-Envelope-Id", xtext.decode(fax.dsn.envid))
    yield _field("Reporting-MTA", f"dns; {head.hostname}")
    yield _field("Arrival-Date", format_datetime(fax.created_at))
    yield _field("X-Faxgate-Fax", fax.id)


def _of_recipient(fax: Fax, calls: Sequence[Attempt], action: str) -> Iterator[str]:
    """The fields of RFC 3464 2.3."""
    if fax.dsn and fax.dsn.orcpt:
        kind, _, address = fax.dsn.orcpt.partition(";")
        yield _field("Original-Recipient", f"{kind}; {xtext.decode(address)}")
    # RFC 3464 2.3.2: the final recipient is known by the number that it became, written as a mailbox (RFC 3191); the
    # address as the sender wrote it is that of ORCPT.
    written = fax.dsn.recipient if fax.dsn else fax.to_number
    address = f"{fax.destination}@{written.rpartition('@')[2]}" if fax.destination and "@" in written else written
    yield _field("Final-Recipient", f"{'rfc822' if address.isascii() else 'utf-8'}; {address}")
    yield _field("Action", action)
    yield _field("Status", status_of(fax, calls, action))
    if code := _diagnostic(fax, action):
        yield _field("Diagnostic-Code", code)
    if calls:
        last = calls[-1]
        yield _field(
            "Last-Attempt-Date",
            format_datetime((last.result.ended_at if last.result else None) or last.started_at),
        )
    if action == DELAYED and fax.first_dialled_at:
        # Whatever fails at first, a day after the first call no other is made.
        yield _field("Will-Retry-Until", format_datetime(fax.first_dialled_at + UNCOUNTED_FOR))
    yield _field("X-Faxgate-Number", fax.destination)
    if fax.result and fax.result.remote_station_id:
        yield _field("X-Faxgate-Station", fax.result.remote_station_id)


def _diagnostic(fax: Fax, action: str) -> str:
    """What the line said of the last call; the type names of telephony are nobody's yet, so they begin with `x-`."""
    result = fax.result
    if result is None or action == DELIVERED or result.success:
        return ""
    if result.result_code is not None:
        return f"x-t30; {result.result_code} {result.result_text}".rstrip()
    if result.cause is not None or result.hangup_cause:
        return f"x-q850; {result.cause if result.cause is not None else ''} {result.hangup_cause}".rstrip()
    return ""


# For people


def _text(fax: Fax, account: Account, title: str, told: Explanation, zone: tzinfo, say: Language) -> str:
    facts = (
        (said("Subject"), one_line(fax.subject)),
        (said("To"), _to(fax, say)),
        (said("From"), number_words(fax.from_number, "")),
        (said("Taken"), time_words(fax.created_at, zone, say)),
        (said("Calls made"), str(fax.attempts)),
    )
    lines = [say(title), "", *(sentence for sentence in (say(told.sentence), say(told.advice)) if sentence), ""]
    lines += [f"{f'{say(name)}:':{LABEL}}{value}" for name, value in facts if value]
    if fax.left_out:
        heading, nameless = said("Left out of the fax"), said("a part without a name")
        lines += ["", f"{say(heading)}:"]
        lines += [
            f"  - {one_line(part.name, 120) or say(nameless)}: {say(one_line(part.reason))}" for part in fax.left_out
        ]
    owner = one_line(account.name, 80)
    asked = said("Written by the fax service of {account}, because your mail asked for it.", account=owner)
    return "\n".join([*lines, "", say(asked), ""])


def _told(
    fax: Fax, calls: Sequence[Attempt], action: str, now: datetime, zone: tzinfo, say: Language
) -> tuple[str, Explanation]:
    """What became of it in a line, and more words for that."""
    number = _to(fax, say)
    if action == DELIVERED:
        return said("Your fax to {number} was delivered.", number=number), Explanation(
            counted(
                "The recipient's fax machine confirmed the one page.",
                "The recipient's fax machine confirmed all {n} pages.",
                fax.pages,
            ),
            "",
        )
    if action == DELAYED:
        return said("Your fax to {number} has not got through yet.", number=number), Explanation(
            said("{reason} It is still being tried.", reason=say(so_far(fax, pages_before(calls)))),
            said("The next call: {next}. You need not send it again.", next=next_call(fax, now, zone, say)),
        )
    if fax.status is Status.CANCELLED:
        return said("Your fax to {number} was cancelled.", number=number), Explanation(_through(fax), "")
    if _is_unknown(calls):
        return said("Your fax to {number} may have arrived.", number=number), Explanation(one_line(fax.error, 500), "")
    return said("Your fax to {number} was NOT delivered.", number=number), _why(fax, calls)


def _through(fax: Fax) -> Said:
    if not fax.result or not fax.result.pages:
        return said("No page of it got through, and it is not sent any more.")
    return counted(
        "{page} of {n} page got through, and it is not sent any more.",
        "{page} of {n} pages got through, and it is not sent any more.",
        fax.pages,
        page=fax.result.pages,
    )


def _to(fax: Fax, say: Language) -> str:
    return number_words(fax.destination or fax.to_number, say(UNKNOWN_NUMBER))


def _is_unknown(calls: Sequence[Attempt]) -> bool:
    return bool(calls) and calls[-1].outcome == "unknown"


def _why(fax: Fax, calls: Sequence[Attempt]) -> Explanation:
    if fax.result is None or fax.result.success:
        return Explanation(one_line(fax.error, 500) or said("The fax could not be sent."), "")
    return explain(fax.result, pages_before(calls))
