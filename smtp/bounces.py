"""What comes to a bounce address, read in a worker process: a delivery report (RFC 3464), a bounce in words of its own,
or no bounce at all. Pure.

Only the first megabyte is looked at: a report stands before the mail that it returns. Of hostile MIME counts what was
found until it became too much.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message as Header
from email.parser import HeaderParser
from email.policy import compat32

from gateway.bounces import Bounce
from gateway.documents import mime
from gateway.errors import DocumentRefused
from gateway.wording import one_line

MOST_OCTETS = 1 << 20
MOST_OF_REPORT = 1 << 16
MOST_OF_TEXT = 1 << 13
"""Octets that are looked at, of the mail, of its report and of its text."""
MOST_RECIPIENTS = 100
WORDS = 400
"""Characters that are kept."""

REPORTS = ("message/delivery-status", "message/global-delivery-status")
"""The second one is RFC 6533's."""
_DAEMONS = re.compile(r"\b(?:mailer-daemon|postmaster)@", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_BLANK = re.compile(r"\n[ \t]*\n")
_TYPE = re.compile(r"[A-Za-z0-9-]+[ \t]*;")


def read(octets: bytes, header: Header, body: int, *, null_sender: bool) -> Bounce:
    """What the mail is, of which `octets` are the first MOST_OCTETS."""
    leaves: list[mime.Leaf] = []
    with suppress(DocumentRefused):
        for leaf in mime.leaves(octets, header, body):
            leaves.append(leaf)  # noqa: PERF402  # those before the one that is too much are kept
    report = next((leaf for leaf in leaves if leaf.declared_type in REPORTS), None)
    if report is not None:
        return _of_report(_decoded(report)[:MOST_OF_REPORT])
    if any(leaf.declared_type == "message/disposition-notification" for leaf in leaves):
        return Bounce(failed=False, words="a disposition notification (RFC 8098)")
    # Exim's bounces once had no report but this; they call themselves automatic replies.
    if not mime.text_of(header, "X-Failed-Recipients"):
        if _is_automatic(header):
            return Bounce(failed=False, words="an automatic reply")
        # RFC 5321 4.5.5: a bounce has the null sender. Some have the daemon's.
        if not null_sender and not _DAEMONS.search(mime.text_of(header, "From")):
            return Bounce(failed=False, words="a mail that is no report")
    return Bounce(failed=True, words=_first_lines(leaves) or _words(mime.readable(mime.text_of(header, "Subject"))))


def _of_report(octets: bytes) -> Bounce:
    """RFC 3464 2.1: groups of fields, the first of the message, each other one of a recipient."""
    others: list[str] = []
    for fields in _groups(octets):
        action = _field(fields, "Action").partition("(")[0].strip().lower()
        if action == "failed":
            return Bounce(failed=True, words=_diagnosis(fields))
        if action:
            others.append(action)
    return Bounce(failed=False, words=_words(f"a report: {', '.join(dict.fromkeys(others)) or 'of nothing'}"))


def _groups(octets: bytes) -> Iterator[Header]:
    text = mime.decode_text(octets, "").replace("\r\n", "\n").strip("\n")
    for group in _BLANK.split(text, maxsplit=MOST_RECIPIENTS)[:MOST_RECIPIENTS]:
        yield HeaderParser(policy=compat32).parsestr(group)


def _diagnosis(fields: Header) -> str:
    """`550 5.1.1 no such user`: what the far server said, else the status, else that it failed."""
    diagnostic = _TYPE.sub("", _field(fields, "Diagnostic-Code"), count=1).strip()
    status = _field(fields, "Status")
    return _words(diagnostic or f"failed with status {status or 'unknown'}")


def _field(fields: Header, name: str) -> str:
    return mime.readable(mime.text_of(fields, name)).strip()


def _is_automatic(header: Header) -> bool:
    said = mime.text_of(header, "Auto-Submitted").partition(";")[0].partition("(")[0].strip().lower()
    if said not in {"", "no"}:  # RFC 3834 5
        return True
    if mime.text_of(header, "Precedence").strip().lower() in {"auto_reply", "bulk", "junk", "list"}:
        return True  # what vacation programs said before that RFC
    return any(mime.text_of(header, name) for name in ("X-Autoreply", "X-Autorespond", "List-Id"))


def _first_lines(leaves: list[mime.Leaf]) -> str:
    for kind in ("text/plain", "text/html"):
        for leaf in leaves:
            if leaf.declared_type == kind:
                text = mime.decode_text(_decoded(leaf)[:MOST_OF_TEXT], leaf.charset)
                words = _words(_TAG.sub(" ", text) if kind == "text/html" else text)
                if words:
                    return words
    return ""


def _decoded(leaf: mime.Leaf) -> bytes:
    try:
        return leaf.decode()
    except mime.UnreadableEncodingError:
        return leaf.encoded


def _words(text: str) -> str:
    return one_line(text, WORDS)
