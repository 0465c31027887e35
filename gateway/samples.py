"""Every letter to senders and recipients, of made-up faxes: how templates look before a real fax goes through them.

Pure but for reading the templates."""

import email
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import policy
from types import MappingProxyType
from typing import Any

from gateway import checks
from gateway.accounts import Account, Faxbox
from gateway.callers import why_junk
from gateway.enclosures import link_to
from gateway.errors import BadField
from gateway.fax import CallResult, Direction, Document, Fax, LeftOut, Status
from gateway.letters import (
    Letterhead,
    cancelled,
    failure,
    inbound_failure,
    inbound_fax,
    inbound_stranded,
    junk_digest,
    receipt,
    still_trying,
)
from gateway.stationery import BadTemplateError, Templates

NOW = datetime(2026, 11, 23, 13, 5, 9, tzinfo=UTC)
_BOX = Faxbox(id="0" * 32, account_id="0" * 32, name="Sales", created_at=NOW)
_THROUGH = CallResult(
    success=True,
    answered=True,
    pages=3,
    total_pages=3,
    result_code=0,
    rate=14400,
    ecm=True,
    seconds=98.2,
    remote_station_id="+1 202 555 0190",
)
_CUT_OFF = replace(_THROUGH, success=False, pages=1, result_code=49)
_NOTHING = replace(_CUT_OFF, pages=0)
_BUSY = CallResult(success=False, answered=False, cause=17)
_SENT = Fax(
    id="0192f0c3a1b27c4d8e5f60718293a4b5",
    account_id=_BOX.account_id,
    faxbox_id=_BOX.id,
    direction=Direction.OUTBOUND,
    status=Status.COMPLETED,
    created_at=NOW - timedelta(minutes=70),
    updated_at=NOW,
    ended_at=NOW,
    subject="Contract, signed",
    from_number="+12025550101",
    destination="+12025550190",
    to_name="Bob Example",
    attempts=2,
    pages=3,
    documents=(Document(key="d", name="contract.pdf", content_type="application/pdf", bytes=123456),),
    left_out=(
        LeftOut(
            name="logo.png",
            content_type="image/png",
            bytes=900,
            reason="a small picture in the text (logo or signature)",
        ),
    ),
    result=_THROUGH,
)
_FAILED = replace(_SENT, status=Status.FAILED, result=_BUSY)
_CANCELLED = replace(_SENT, status=Status.CANCELLED, result=None)
_LATE = replace(_SENT, status=Status.PENDING, result=_BUSY, ended_at=None, due_at=NOW + timedelta(minutes=3))
_CAME = replace(
    _SENT,
    direction=Direction.INBOUND,
    status=Status.RECEIVED,
    created_at=NOW,
    from_number="+12025550190",
    from_name="ACME CORP",
    destination="+12025550101",
    to_name="",
    subject="",
    documents=(),
    left_out=(),
)


def _junk(caller: str, **changes: Any) -> Fax:
    blocking = replace(_BOX, blocked_callers=("anonymous", "+1202*"))
    why = why_junk(caller, blocking, _BOX, "US")
    return replace(_CAME, from_number=caller, junk=why, image_key="i", **changes)


_JUNK = (
    _junk("", pages=1, created_at=NOW - timedelta(hours=7)),
    _junk("+12025550190"),
)


def _link(fax: Fax) -> str:
    return link_to("https://fax.example.com", fax)


LETTERS: Mapping[str, Callable[[Letterhead, Account], bytes]] = MappingProxyType(
    {
        "receipt": lambda head, of: receipt(head, _SENT, _BOX, of),
        "failure": lambda head, of: failure(head, _FAILED, _BOX, of),
        "failure-cut-off": lambda head, of: failure(head, replace(_FAILED, result=_CUT_OFF), _BOX, of),
        "failure-unknown": lambda head, of: failure(head, replace(_FAILED, result=None), _BOX, of, unknown=True),
        "cancelled": lambda head, of: cancelled(head, _CANCELLED, _BOX, of),
        "still_trying": lambda head, of: still_trying(head, _LATE, _BOX, of),
        "inbound_fax": lambda head, of: inbound_fax(head, _CAME, _BOX, of),
        "inbound_fax-incomplete": lambda head, of: inbound_fax(
            head, replace(_CAME, status=Status.PARTIAL, result=_CUT_OFF, pages=1), _BOX, of
        ),
        "inbound_stranded": lambda head, of: inbound_stranded(
            head, _CAME, _BOX, of, [("alice@example.com", "552 5.3.4 Message size exceeds fixed limit")]
        ),
        "junk_digest": lambda head, of: junk_digest(head, [(fax, _link(fax)) for fax in _JUNK], 2, _BOX, of),
        "inbound_failure": lambda head, of: inbound_failure(
            head, replace(_CAME, status=Status.FAILED, result=_NOTHING, pages=0), _BOX, of
        ),
    }
)
"""By template, and the case of it where there are several."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A letter as it would be; `error`, with file and line, in place of the rest where a template cannot be used."""

    letter: str
    subject: str = ""
    text: str = ""
    message: bytes = b""
    error: str = ""


def samples(
    templates: Templates, account: Account | None = None, template: str = "", language: str | None = None
) -> list[Sample]:
    """All letters, or those of one template, in this language or that of the account. Blocks. Raises BadField where
    there is no such template, and no such language."""
    wanted = [letter for letter in LETTERS if not template or template == letter or template == letter.split("-")[0]]
    if not wanted:
        raise BadField("template", f"There is no letter {template}; there are {', '.join(LETTERS)}.")
    account = account or Account(id="0" * 32, name="Example & Sons", created_at=NOW)
    if language is not None:
        account = replace(account, language=checks.language(language, templates.languages()))
    return [_sample(templates, account, letter) for letter in wanted]


def _sample(templates: Templates, account: Account, letter: str) -> Sample:
    try:
        stationery = templates.mail(account.id, account.language, strict=True)
    except BadTemplateError as error:
        return Sample(letter, error=str(error))
    head = Letterhead(
        notice_id=f"sample-{letter}",
        sender="faxgate@fax.example.com",
        recipient="alice@example.com",
        hostname="fax.example.com",
        date=NOW,
        stationery=stationery,
    )
    try:
        message = LETTERS[letter](head, account)
    except BadTemplateError as error:
        return Sample(letter, error=str(error))
    read = email.message_from_bytes(message, policy=policy.default)
    body = read.get_body(("plain",))
    return Sample(letter, str(read["Subject"]), str(body.get_content()).replace("\r\n", "\n") if body else "", message)
