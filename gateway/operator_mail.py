"""Mail to `postmaster@` a served domain (RFC 5321 4.5.1), passed on to the operator as it came.

Only trace headers are put before the message; not a byte of it is changed. A mail that has been here before or has
gone through too many hands is refused: passed on, it could come round for ever. One that a machine wrote is passed on,
since reports and bounces are what postmaster is for; it leaves with the null sender, so that nothing answers it.
"""

from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime

from gateway.errors import MailLoop, TooLarge
from gateway.hops import check_hops
from gateway.wording import one_line

_MARK = "X-Faxgate-Operator"
_HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """How a mail came in: what the trace headers say."""

    notice_id: str
    recipient: str
    """`postmaster@` the served domain, as the client wrote it."""
    sender: str
    """The envelope sender, empty for the null reverse path."""
    peer: str
    """`address:port`."""
    helo: str
    hostname: str
    date: datetime


MOST_BYTES = 1 << 20
MOST_AN_HOUR = 100
"""Anybody may write to postmaster, so nobody may fill the outbox that way, nor the operator's mailbox."""


def refuse_loop(message: bytes) -> None:
    """Raise MailLoop where `message` must not be passed on."""
    headers = _headers(message)
    if headers.get_all(_MARK):
        raise MailLoop("This mail has been here before.")
    check_hops(headers)


def to_operator(message: bytes, passage: Passage) -> bytes:
    """The message as the operator gets it: trace headers, then the message unchanged. Raises MailLoop, TooLarge.

    The operator's address is the envelope recipient alone, and the null reverse path the envelope sender: what
    bounces must not bounce again.
    """
    if len(message) > MOST_BYTES:
        raise TooLarge(f"Mail to postmaster has at most {MOST_BYTES} octets.")
    refuse_loop(message)
    peer, helo, recipient = (one_line(text, 250) for text in (passage.peer, passage.helo, passage.recipient))
    sender = _atom(one_line(passage.sender, 250)) if passage.sender else ""
    trace = (
        f"Received: from {_atom(helo)} ([{_atom(peer.rpartition(':')[0].strip('[]'))}])\r\n"
        f"\tby {_atom(passage.hostname)} with ESMTP id {_atom(passage.notice_id)}\r\n"
        f"\tfor <{_atom(recipient)}>; {format_datetime(passage.date)}\r\n"
        f"{_MARK}: {_atom(passage.hostname)}\r\n"
        f"X-Faxgate-Notice: {_atom(passage.notice_id)}\r\n"
        f"X-Envelope-From: <{sender}>\r\n"
        f"X-Original-To: {_atom(recipient)}\r\n"
    )
    return trace.encode() + message


def _headers(message: bytes) -> Message:
    end = min((at for mark in (b"\r\n\r\n", b"\n\n") if (at := message.find(mark, 0, _HEADER_BYTES)) >= 0), default=-1)
    return BytesHeaderParser(policy=compat32).parsebytes(message[: end if end >= 0 else _HEADER_BYTES])


def _atom(text: str) -> str:
    """A word that cannot end a comment, a route or a line of a trace header."""
    return "".join(c for c in text if c not in ' ()<>;\\"') or "unknown"
