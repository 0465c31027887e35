"""What a client asks to be told of its mail: the parameters RET and ENVID of MAIL, NOTIFY and ORCPT of RCPT (RFC 3461
4), read strictly. Pure.

The values are kept as they came; only a report decodes them. Whoever gives a parameter twice has been refused before
(`smtp.addresses`).
"""

import re
from dataclasses import replace

from gateway import xtext
from gateway.fax import DsnRequest
from smtp.addresses import Argument, BadSyntaxError

OF_MAIL = frozenset({"RET", "ENVID"})
OF_RCPT = frozenset({"NOTIFY", "ORCPT"})

MAX_ENVID = 100
MAX_ORCPT = 500
"""Characters (RFC 3461 4.4, 4.2)."""

MAIL_OCTETS = len(" RET=FULL") + len(" ENVID=") + MAX_ENVID
RCPT_OCTETS = len(" NOTIFY=SUCCESS,FAILURE,DELAY") + len(" ORCPT=") + MAX_ORCPT
"""How much longer the commands may be."""

_EVENTS = ("SUCCESS", "FAILURE", "DELAY")
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*\-/?^_`{|}~.]+")


def of_mail(argument: Argument) -> DsnRequest:
    """What MAIL says for all recipients. Raises BadSyntaxError."""
    ret, envid = (_value(argument, name) for name in ("RET", "ENVID"))
    if ret is not None and ret.upper() not in {"FULL", "HDRS"}:
        raise _bad("RET is FULL or HDRS.")
    if envid is not None:
        if len(envid) > MAX_ENVID:
            raise _bad(f"ENVID has at most {MAX_ENVID} characters.")
        if not envid.isascii():
            raise _bad("ENVID is ASCII.")
        _check("ENVID", envid)
    return DsnRequest(ret=(ret or "").upper(), envid=envid or "")


def of_rcpt(argument: Argument, mail: DsnRequest, *, utf8: bool) -> DsnRequest | None:
    """The same with what RCPT adds for its recipient; None where neither command asks for anything. Raises
    BadSyntaxError."""
    assert argument.address
    notify, orcpt = (_value(argument, name) for name in ("NOTIFY", "ORCPT"))
    events = () if notify is None else _events(notify)
    if orcpt is not None:
        if len(orcpt) > MAX_ORCPT:
            raise _bad(f"ORCPT has at most {MAX_ORCPT} characters.")
        kind, semicolon, address = orcpt.partition(";")
        if not semicolon or not _ADDRESS_TYPE.fullmatch(kind):
            raise _bad("ORCPT is an address type, a semicolon and an address, like rfc822;bob@example.com.")
        # RFC 6533 3: one type alone may have other letters, and only where SMTPUTF8 was asked for.
        if not address.isascii() and not (utf8 and kind.lower() == "utf-8"):
            raise _bad("ORCPT is ASCII, unless its type is utf-8 and the mail has SMTPUTF8.")
        _check("ORCPT", address)
    wanted = replace(mail, notify=events, orcpt=orcpt or "")
    return None if wanted == DsnRequest() else replace(wanted, recipient=argument.address.written)


def _events(notify: str) -> tuple[str, ...]:
    named = notify.upper().split(",")
    if named == ["NEVER"]:
        return ("NEVER",)
    if any(event not in _EVENTS for event in named):
        raise _bad("NOTIFY is NEVER alone, or SUCCESS, FAILURE and DELAY with commas between them.")
    return tuple(event for event in _EVENTS if event in named)


def _value(argument: Argument, name: str) -> str | None:
    value = argument.parameters.get(name)
    if value is None and name in argument.parameters:
        raise _bad(f"{name} needs a value.")
    return value


def _check(name: str, value: str) -> None:
    try:
        xtext.decode(value)
    except ValueError as error:
        raise _bad(f"{name} {error}.") from error


def _bad(text: str) -> BadSyntaxError:
    return BadSyntaxError(text, in_path=False)
