"""The variables of a channel that has ended -> `CallResult`. Pure; the same for an event and for a call record.

Before the answer the cause of the hang-up tells what happened, after it the T.30 result does: fax calls that failed end
with NORMAL_CLEARING too. What the far end calls itself is for people, and decides nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from gateway.fax import CallResult
from gateway.lines.causes import CAUSES, T30_TEXTS

Variables = Callable[[str], str]
"""Name -> value, empty where there is none."""

NO_FILE = "Cannot send non-existant fax file"
"""FreeSWITCH's spelling: what txfax says of a path that it does not find. The call is answered and ends well then."""
T30_NO_FILE = 41

MAX_TEXT = 128
"""Characters of what a far end may tell about itself."""


def sent(variables: Variables, *, pages: int, confirmed: int = 0, response: str = "") -> CallResult:
    """What a call brought that was to send `pages`. `confirmed` are the pages that its events told of, `response` is
    what txfax said."""
    result = _result(variables)
    done = min(max(result.pages, confirmed), pages)
    if result.answered and result.result_code is None and response == NO_FILE:
        text = "FreeSWITCH does not find the fax image: is node_spool the folder as it sees it?"
        result = replace(result, result_code=T30_NO_FILE, result_text=text)
    # A far end that has confirmed every page has the fax, however the call ended after that: it must not get it twice.
    return replace(result, pages=done, total_pages=pages, success=result.answered and done == pages > 0)


def confirmed(pages: int, *, rate: int, ecm: bool, remote_station_id: str) -> CallResult:
    """A call of whose end nothing is known, but that the far end had confirmed every page before."""
    return CallResult(
        success=True,
        answered=True,
        pages=pages,
        total_pages=pages,
        result_text="Every page was confirmed; how the call ended is not known.",
        rate=rate,
        ecm=ecm,
        remote_station_id=remote_station_id,
        ended_at=datetime.now(UTC),
    )


def received(variables: Variables) -> CallResult:
    """What an incoming call brought."""
    result = _result(variables)
    complete = variables("fax_success") == "1" and result.result_code == 0 and result.pages > 0
    return replace(result, success=complete)


def broken_off(pages: int, text: str) -> CallResult:
    """An incoming call of whose end nothing is known but the pages that it left behind."""
    return CallResult(
        success=False,
        answered=True,
        pages=pages,
        result_text=text,
        cause=CAUSES["NORMAL_TEMPORARY_FAILURE"],
        hangup_cause="NORMAL_TEMPORARY_FAILURE",
        ended_at=datetime.now(UTC),
    )


def not_dialled(cause: str, text: str, *, pages: int = 0) -> CallResult:
    """A call that FreeSWITCH has not made, or that never got as far as a channel. `cause` is a name of FreeSWITCH's."""
    return CallResult(
        success=False,
        answered=False,
        total_pages=pages,
        result_text=text,
        cause=CAUSES.get(cause),
        hangup_cause=cause,
        ended_at=datetime.now(UTC),
    )


def _result(variables: Variables) -> CallResult:
    """What both directions have in common; `success` is left open."""
    answered_at = _time(variables("answer_epoch"))
    code = variables("fax_result_code")
    cause = printable(variables("hangup_cause"))
    told = number(variables("fax_result_code")) if code.isascii() and code.isdigit() else None
    seconds = number(variables("billmsec")) / 1000 or float(number(variables("billsec")))
    return CallResult(
        success=False,
        answered=answered_at is not None,
        pages=number(variables("fax_document_transferred_pages")),
        total_pages=number(variables("fax_document_total_pages")),
        result_code=told if answered_at else None,
        result_text=_text(variables, told) if answered_at else _sip(variables),
        # FreeSWITCH's own causes have no Q.850 number in its variable (it is 0 or 16 then), but a name.
        cause=CAUSES.get(cause) or number(variables("hangup_cause_q850")) or None,
        hangup_cause=cause,
        rate=number(variables("fax_transfer_rate")),
        ecm=variables("fax_ecm_used") == "on",
        t38=variables("fax_t38_status") == "negotiated",
        bad_rows=number(variables("fax_bad_rows")),
        local_station_id=printable(variables("fax_local_station_id")),
        remote_station_id=printable(variables("fax_remote_station_id")),
        answered_at=answered_at,
        ended_at=_time(variables("end_epoch")) or datetime.now(UTC),
        seconds=seconds,
    )


def _text(variables: Variables, code: int | None) -> str:
    written = printable(variables("fax_result_text"))
    return written or (T30_TEXTS.get(code, "") if code is not None else "")


def _sip(variables: Variables) -> str:
    """Why a call was not answered, as SIP has it: `SIP 486 Busy Here`."""
    status = variables("sip_term_status") or variables("sip_invite_failure_status")
    if not (status.isascii() and status.isdigit()):
        return ""
    return printable(f"SIP {status} {variables('sip_invite_failure_phrase')}")


def number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _time(epoch: str) -> datetime | None:
    """Seconds since 1970; 0 is FreeSWITCH's never."""
    seconds = int(epoch) if epoch.isascii() and epoch.isdigit() and len(epoch) <= 11 else 0
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def printable(text: str) -> str:
    """
    >>> printable(" +49 30\\nfax-success: 1 ")
    '+49 30 fax-success: 1'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_TEXT]).split())[:MAX_TEXT]
